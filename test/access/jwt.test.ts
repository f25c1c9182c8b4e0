import { generateKeyPair, UnsecuredJWT } from 'jose'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { jwtIdentity } from '../../src/access/by-jwt.ts'
import type { KeySetOptions } from '../../src/access/key-set.ts'
import { type JwtOptions, jwtShape } from '../../src/server/jwt-options.ts'
import { type IdentityProvider, identityProvider, issuer } from '../support/identity-provider.ts'
import { logLines } from '../support/log-lines.ts'

afterEach(() => void vi.useRealTimers())

async function scene(given: Partial<JwtOptions> = {}, options: KeySetOptions = {}, ...algs: string[]) {
  const provider = await identityProvider(...algs)
  const log = logLines()
  const jwt = jwtIdentity(jwtShape.parse({ ...provider.options, ...given }), log.logger, options)
  onTestFinished(async () => {
    jwt[Symbol.dispose]()
    await provider[Symbol.asyncDispose]()
  })
  return { provider, log, identify: jwt.identify }
}

test('a token of the provider makes its bearer the principal of its claims, until it ends', async () => {
  const { provider, identify } = await scene()
  const before = Date.now()
  const signIn = await identify(await provider.token())
  expect(signIn).toMatchObject({
    identity: {
      principal: { id: 'prn_alice', name: 'Alice', tenant: 'acme', roles: ['REQUESTER'] },
      by: { kind: 'token' },
    },
  })
  const ends = 'identity' in signIn ? signIn.identity.expiresAt : null
  // The provider's clock may be off by ten seconds.
  expect(Number(ends) - before).toBeGreaterThan(3_600_000)
  expect(Number(ends) - before).toBeLessThan(3_620_000)
})

test.each(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'])('a signature by %s is taken', async (alg) => {
  const { provider, identify } = await scene({}, {}, alg)
  expect(await identify(await provider.token())).toHaveProperty('identity')
})

describe('refused is', () => {
  type Make = (provider: IdentityProvider) => Promise<string> | string
  const tampered = async (provider: IdentityProvider) => {
    const [header, , signature] = (await provider.token()).split('.')
    const claims = { sub: 'alice', tenant: 'acme', roles: ['ADMIN'], iss: issuer, aud: 'countersign', exp: 9e9 }
    return `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`
  }
  /** The public key as everybody may read it, as the secret of an HMAC. */
  const confused = (provider: IdentityProvider) =>
    provider.token({}, { alg: 'HS256', key: Buffer.from(JSON.stringify(provider.publicKey)) })
  const strangers = async (provider: IdentityProvider) =>
    provider.token({}, { key: (await generateKeyPair('ES256')).privateKey })
  const unsigned = () =>
    new UnsecuredJWT({ sub: 'alice', tenant: 'acme', roles: ['ADMIN'] })
      .setIssuer(issuer)
      .setExpirationTime('1h')
      .encode()

  test.each<[string, string, Make]>([
    ['what is no token', 'MALFORMED', () => 'nobody'],
    ['a token of two parts', 'MALFORMED', () => 'e30.e30'],
    ['a token whose header is none', 'MALFORMED', () => 'AAAA.e30.AAAA'],
    ['a token without a signature', 'MALFORMED', unsigned],
    ['a token that says `none` and has a signature', 'WRONG_ALGORITHM', () => `${unsigned()}AAAA`],
    ['a huge token', 'MALFORMED', async (provider) => provider.token({ pad: 'x'.repeat(8_192) })],
    ['a public key taken for the secret of an HMAC', 'WRONG_ALGORITHM', confused],
    ['a signature of somebody else’s key', 'WRONG_SIGNATURE', strangers],
    ['claims that were changed', 'WRONG_SIGNATURE', tampered],
    ['another issuer', 'WRONG_ISSUER', (provider) => provider.token({ iss: 'https://evil.example/' })],
    ['no issuer', 'WRONG_ISSUER', (provider) => provider.token({ iss: undefined })],
    ['another audience', 'WRONG_AUDIENCE', (provider) => provider.token({ aud: ['other'] })],
    ['no audience', 'WRONG_AUDIENCE', (provider) => provider.token({ aud: undefined })],
    ['a token that is over', 'EXPIRED', (provider) => provider.token({}, { expiresIn: -20 })],
    ['a token that never ends', 'WRONG_CLAIMS', (provider) => provider.token({}, { expiresIn: null })],
    ['a token that is not valid yet', 'NOT_YET_VALID', (provider) => provider.token({}, { notBefore: 60 })],
    ['a token of nobody', 'WRONG_CLAIMS', (provider) => provider.token({ sub: undefined })],
    [
      'a token of somebody who calls themselves a key',
      'WRONG_CLAIMS',
      (provider) => provider.token({ sub: 'prn_key_0' }),
    ],
    ['a token of no tenant', 'NO_TENANT', (provider) => provider.token({ tenant: undefined })],
    ['a token of several tenants', 'NO_TENANT', (provider) => provider.token({ tenant: ['acme', 'two'] })],
    ['a token of no role', 'NO_ROLE', (provider) => provider.token({ roles: undefined })],
    ['a token of roles that are none of ours', 'NO_ROLE', (provider) => provider.token({ roles: ['admin', 'ROOT'] })],
    ['a key by a path', 'UNKNOWN_KEY', (provider) => provider.token({}, { header: { kid: '../../../etc/passwd' } })],
    ['a key by a URL', 'UNKNOWN_KEY', (provider) => provider.token({}, { header: { kid: 'http://evil.example/k' } })],
    [
      'a key that is the prototype’s',
      'UNKNOWN_KEY',
      (provider) => provider.token({}, { header: { kid: '__proto__' } }),
    ],
  ])('%s: %s', async (_, refused, make) => {
    const { provider, identify, log } = await scene()
    expect(await identify(await provider.token())).toHaveProperty('identity')
    const token = await make(provider)
    expect(await identify(token)).toEqual({ refused })
    expect(log.text()).not.toContain(token.slice(-20))
  })

  test('a key that comes with the token, or stands elsewhere', async () => {
    const { provider, identify } = await scene()
    const mine = await generateKeyPair('ES256', { extractable: true })
    const { exportJWK } = await import('jose')
    const elsewhere = await identityProvider()
    for (const header of [
      { jwk: await exportJWK(mine.publicKey) },
      { jku: elsewhere.options.jwksUrl },
      { x5u: elsewhere.options.jwksUrl },
    ]) {
      const token = await provider.token({}, { key: mine.privateKey, header })
      expect(await identify(token)).toEqual({ refused: 'WRONG_SIGNATURE' })
    }
    expect(elsewhere.asked).toBe(0)
    await elsewhere[Symbol.asyncDispose]()
  })

  test('an algorithm that is switched off', async () => {
    const { provider, identify } = await scene({ algorithms: ['RS256'] }, {}, 'ES256', 'RS256')
    expect(await identify(await provider.token({}, { alg: 'RS256' }))).toHaveProperty('identity')
    expect(await identify(await provider.token({}, { alg: 'ES256' }))).toEqual({ refused: 'WRONG_ALGORITHM' })
  })
})

describe('the keys of the provider', () => {
  test('that are new are found by the first token of one; one that is withdrawn is believed no longer', async () => {
    const { provider, identify } = await scene({}, { restMs: 0 })
    const old = await provider.token()
    expect(await identify(old)).toHaveProperty('identity')
    await provider.rotate()
    expect(await identify(old)).toHaveProperty('identity')
    expect(await identify(await provider.token())).toHaveProperty('identity')
    expect(await identify(old)).toEqual({ refused: 'UNKNOWN_KEY' })
  })

  test('that are withdrawn are believed no longer than until the next fetch', async () => {
    const { provider, identify } = await scene({}, { refreshMs: 50, restMs: 0 })
    const old = await provider.token()
    expect(await identify(old)).toHaveProperty('identity')
    await provider.rotate()
    await vi.waitFor(async () => expect(await identify(old)).toEqual({ refused: 'UNKNOWN_KEY' }), 5_000)
  })

  test('are asked for once, however many tokens of unknown keys come', async () => {
    const { provider, identify } = await scene()
    await identify(await provider.token())
    const forged = await Promise.all(
      Array.from({ length: 20 }, (_, index) => provider.token({}, { header: { kid: `forged ${index}` } })),
    )
    for (const token of forged) expect(await identify(token)).toEqual({ refused: 'UNKNOWN_KEY' })
    expect(provider.asked).toBe(1)
  })

  test('are kept while it is down for an hour, and while it hangs: who is known waits for nothing', async () => {
    const { provider, identify, log } = await scene({}, { refreshMs: 20, restMs: 0, timeoutMs: 1_000 })
    const token = await provider.token({}, { expiresIn: 10_000 })
    expect(await identify(token)).toHaveProperty('identity')
    for (const state of ['down', 'hanging'] as const) {
      provider.be(state)
      const before = log.lines().length
      await vi.waitFor(() => expect(log.lines().length).toBeGreaterThan(before), 5_000)
      expect(log.lines().at(-1)?.msg).toMatch(/keys of the identity provider cannot be fetched/)
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 })
      const began = performance.now()
      expect(await identify(token)).toHaveProperty('identity')
      expect(performance.now() - began).toBeLessThan(500)
      // One that is not known has to wait, and not for long.
      expect(await identify(await provider.token({}, { header: { kid: 'new' } }))).toEqual({ refused: 'UNKNOWN_KEY' })
      expect(performance.now() - began).toBeLessThan(8_000)
      vi.useRealTimers()
    }
  })

  test('that could never be fetched: nobody can tell yet, within the time it has, and all goes on when it is back', async () => {
    const provider = await identityProvider()
    provider.be('hanging')
    const settings = jwtShape.parse(provider.options)
    const log = logLines()
    const jwt = jwtIdentity(settings, log.logger, { restMs: 50, timeoutMs: 200 })
    onTestFinished(async () => {
      jwt[Symbol.dispose]()
      await provider[Symbol.asyncDispose]()
    })
    const token = await provider.token()
    const away = { code: 'IDENTITY_PROVIDER_UNAVAILABLE' }
    await expect(jwt.identify(token)).rejects.toMatchObject(away)
    provider.be('down')
    await expect(jwt.identify(token)).rejects.toMatchObject(away)
    // What is no token of anybody's is not kept waiting.
    expect(await jwt.identify('nobody')).toEqual({ refused: 'MALFORMED' })
    provider.be('up')
    await vi.waitFor(async () => expect(await jwt.identify(token)).toHaveProperty('identity'), 5_000)
    expect(log.text()).not.toContain(token.slice(-20))
  })

  test('are left alone for a while when they cannot be had', async () => {
    const provider = await identityProvider()
    provider.be('down')
    const jwt = jwtIdentity(jwtShape.parse(provider.options), logLines().logger)
    onTestFinished(async () => {
      jwt[Symbol.dispose]()
      await provider[Symbol.asyncDispose]()
    })
    const token = await provider.token()
    for (let time = 0; time < 10; time++) await expect(jwt.identify(token)).rejects.toThrow('does not answer')
    expect(provider.asked).toBe(1)
  })
})
