import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose'
import type { JwtOptions } from '../../src/server/jwt-options.ts'

export const issuer = 'https://idp.example/'
export const audience = 'countersign'

export type Token = {
  alg?: string
  /** In seconds from now. */
  expiresIn?: number | null
  notBefore?: number
  header?: Record<string, unknown>
  /** Instead of the provider's present one. */
  key?: CryptoKey | Uint8Array
}

export type IdentityProvider = AsyncDisposable & {
  /** What a server needs to know of it. */
  readonly options: JwtOptions
  /** How often its keys were asked for. */
  readonly asked: number
  /** Its present public key. */
  readonly publicKey: JWK
  /** A token as it gives them: of alice, who is a requester in the tenant acme. A claim that is undefined is left out. */
  token(claims?: JWTPayload, token?: Token): Promise<string>
  /** Signs with a new key from now on; the old one is withdrawn. */
  rotate(): Promise<void>
  /** It answers, or closes connections without a word, or takes them and says nothing. */
  be(state: 'up' | 'down' | 'hanging'): void
}

/** An identity provider's key server on loopback, with the keys of `algs`; tokens are signed by the first. */
export async function identityProvider(...algs: string[]): Promise<IdentityProvider> {
  const [first = 'ES256', ...others] = algs
  let serial = 0
  const makeKey = async (alg: string) => {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
    const kid = `key-${++serial}`
    return { alg, kid, privateKey, publicKey: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
  }
  let current = await makeKey(first)
  const rest = await Promise.all(others.map(makeKey))
  let state = 'up'
  let asked = 0
  const http = createServer((request, response) => {
    asked += 1
    if (state === 'down') request.socket.destroy()
    if (state !== 'up') return
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ keys: [current, ...rest].map((key) => key.publicKey) }))
  }).listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as AddressInfo

  return {
    options: { jwksUrl: `http://127.0.0.1:${port}/jwks.json`, issuer, audience },
    get asked() {
      return asked
    },
    get publicKey() {
      return current.publicKey
    },
    async token(claims = {}, { alg, expiresIn = 3_600, notBefore, header = {}, key } = {}) {
      const signing = [current, ...rest].find((one) => one.alg === alg) ?? current
      const given: JWTPayload = {
        sub: 'alice',
        name: 'Alice',
        tenant: 'acme',
        roles: ['REQUESTER'],
        iss: issuer,
        aud: audience,
        ...claims,
      }
      const jwt = new SignJWT(given).setProtectedHeader({ alg: alg ?? signing.alg, kid: signing.kid, ...header })
      if (expiresIn !== null) jwt.setExpirationTime(new Date(Date.now() + expiresIn * 1_000))
      if (notBefore !== undefined) jwt.setNotBefore(new Date(Date.now() + notBefore * 1_000))
      return jwt.sign(key ?? signing.privateKey)
    },
    async rotate() {
      current = await makeKey(first)
    },
    be(next) {
      state = next
    },
    async [Symbol.asyncDispose]() {
      http.closeAllConnections()
      http.close()
    },
  }
}
