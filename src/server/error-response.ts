import { GraphQLError } from 'graphql'

/** A refusal before GraphQL is reached, in GraphQL's shape, so that every client can show it. */
export const errorResponse = (status: number, code: string, message: string): Response =>
  Response.json({ errors: [{ message, extensions: { code } }] }, { status })

/** A refusal of the request as it was sent: 400, also for clients that accept application/json only. */
export const badRequest = (message: string) =>
  new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT', http: { status: 400, spec: false } } })
