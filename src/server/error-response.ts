/** A refusal before GraphQL is reached, in GraphQL's shape, so that every client can show it. */
export const errorResponse = (status: number, code: string, message: string): Response =>
  Response.json({ errors: [{ message, extensions: { code } }] }, { status })
