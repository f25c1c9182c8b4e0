import { errors, jwtVerify } from 'jose'
import type { Logger } from 'pino'
import type { Refusal, SignIn } from './authenticate.ts'
import { principalOfClaims } from './jwt-claims.ts'
import type { JwtSettings } from './jwt-settings.ts'
import { type KeySetOptions, keySet } from './key-set.ts'
import { parsePrincipal } from './principal.ts'

/** In seconds: how far the provider's clock may be off. */
const clockTolerance = 10
/** Three parts; no provider's tokens are longer, and no other is worth decoding. */
const longest = 8_192
const pattern = /^[\w-]+\.[\w-]+\.[\w-]+$/

export type JwtIdentity = Disposable & {
  /** @throws CountersignError IDENTITY_PROVIDER_UNAVAILABLE while nobody can tell. */
  identify(token: string): Promise<SignIn>
}

/** Who asks by a JWT of the identity provider. */
export function jwtIdentity(settings: JwtSettings, log: Logger, options: KeySetOptions = {}): JwtIdentity {
  const keys = keySet(settings.jwksUrl, log, options)
  const expected = {
    issuer: settings.issuer,
    audience: [settings.audience].flat(),
    algorithms: [...settings.algorithms],
    requiredClaims: ['sub', 'exp'],
    clockTolerance,
  }
  return {
    async identify(token) {
      if (token.length > longest || !pattern.test(token)) return { refused: 'MALFORMED' }
      try {
        const { payload } = await jwtVerify(token, keys.keyOf, expected)
        const principal = principalOfClaims(payload, settings)
        if ('refused' in principal) return principal
        const expiresAt = payload.exp === undefined ? null : (payload.exp + clockTolerance) * 1_000
        return { identity: { principal: parsePrincipal(principal), expiresAt, by: { kind: 'token' } } }
      } catch (error) {
        if (error instanceof errors.JOSEError) return { refused: refusalOf(error) }
        throw error
      }
    },
    [Symbol.dispose]: () => keys[Symbol.dispose](),
  }
}

function refusalOf(error: errors.JOSEError): Refusal {
  if (error instanceof errors.JWTExpired) return 'EXPIRED'
  if (error instanceof errors.JWTClaimValidationFailed) return refusals[error.claim] ?? 'WRONG_CLAIMS'
  return refusals[error.code] ?? 'MALFORMED'
}

/** By the claim that is wrong, or by jose's own code. */
const refusals: Readonly<Record<string, Refusal>> = {
  iss: 'WRONG_ISSUER',
  aud: 'WRONG_AUDIENCE',
  nbf: 'NOT_YET_VALID',
  ERR_JOSE_ALG_NOT_ALLOWED: 'WRONG_ALGORITHM',
  ERR_JOSE_NOT_SUPPORTED: 'WRONG_ALGORITHM',
  ERR_JWKS_NO_MATCHING_KEY: 'UNKNOWN_KEY',
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: 'UNKNOWN_KEY',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'WRONG_SIGNATURE',
}
