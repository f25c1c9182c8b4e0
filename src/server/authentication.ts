import { GraphQLError } from 'graphql'
import { bearerToken, type Identify } from '../access/authenticate.ts'
import type { ServerPlugin } from './http-context.ts'

/** Finds out who asks, before anything of the body is read. */
export const useAuthentication = (identify: Identify): ServerPlugin => ({
  async onRequestParse({ request, serverContext }) {
    const identity = await identify(bearerToken(request.headers.get('authorization')), request)
    if (identity === null) throw unauthenticated()
    serverContext.identity = identity
  },
})

const unauthenticated = () =>
  new GraphQLError('Nobody is known by this token: send a valid one as `Authorization: Bearer …`.', {
    extensions: { code: 'UNAUTHENTICATED', http: { status: 401, headers: { 'www-authenticate': 'Bearer' } } },
  })
