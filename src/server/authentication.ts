import { GraphQLError } from 'graphql'
import type { ServerPlugin } from './http-context.ts'
import type { SignIn } from './sign-in.ts'

/** Finds out who asks, before anything of the body is read. */
export const useAuthentication = (signIn: SignIn): ServerPlugin => ({
  async onRequestParse({ request, serverContext }) {
    const identity = await signIn({
      authorization: request.headers.get('authorization'),
      request,
      actingFor: request.headers.get('acting-for'),
      address: serverContext.req?.socket.remoteAddress ?? null,
      requestId: serverContext.requestId ?? 'unknown',
    })
    if (identity === null) throw unauthenticated()
    serverContext.identity = identity
  },
})

const unauthenticated = () =>
  new GraphQLError('Nobody is known by this token: send a valid one as `Authorization: Bearer …`.', {
    extensions: { code: 'UNAUTHENTICATED', http: { status: 401, headers: { 'www-authenticate': 'Bearer' } } },
  })
