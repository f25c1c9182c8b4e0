import { z } from 'zod'
import type { JwtSettings } from '../access/jwt-settings.ts'
import { defaultSettings, largestPart } from '../engine.ts'
import type { NamedDatabase } from './database.ts'
import { readDatabase } from './database-url.ts'
import { jwtVariableNames, readJwt } from './jwt-config.ts'
import { logLevels } from './log.ts'
import { defaultRateLimits, longestGrace, longestLease, originsShape, shortestLease } from './options.ts'

/** What the started program is told by environment variables; a variable that is empty counts as not set. */
export type Config = z.infer<typeof shape> & {
  /** From DATABASE_URL or DATABASE_URL_FILE, and DATABASE_PREFIX. */
  readonly database: NamedDatabase
  /** From the variables JWKS_URL and JWT_…; null when none is set. */
  readonly jwt: JwtSettings | null
}

/** Digits only: `Number` would take 0x10, 1e3 and blanks too. */
const whole = (least: number, most: number, what: string) =>
  z.string().regex(/^\d+$/, what).transform(Number).pipe(z.number().min(least, what).max(most, what))

const yesOrNo = z.stringbool({ error: 'must be true or false' })

const perMinute = whole(0, 1e9, 'must be a number a minute, or 0 for no limit')

const httpUrl = z.url({ protocol: /^https?$/, error: 'must be a URL such as http://localhost:11434/v1' })

const shape = z.object({
  PORT: whole(0, 65_535, 'must be a port from 0 (any free one) to 65535').default(4000),
  HOST: z.string().default('127.0.0.1'),
  LOG_LEVEL: z.enum(logLevels, `must be one of ${logLevels.join(', ')}`).default('warn'),
  MODEL: z.string().optional(),
  OPENAI_API_KEY: z.string().optional(),
  OPENAI_BASE_URL: httpUrl.optional(),
  ANTHROPIC_API_KEY: z.string().optional(),
  ALLOW_SELF_APPROVAL: yesOrNo.default(false),
  AGENTS: z.string().optional(),
  DEMO_DATABASE: z.string().optional(),
  MAX_MESSAGE_BYTES: whole(1, largestPart, `must be a number of bytes, at most ${largestPart}`).default(
    defaultSettings.limits.message,
  ),
  MAX_CONCURRENT_RUNS: whole(1, 1e6, 'must be a number from 1').default(defaultSettings.maxConcurrentRuns),
  LEASE_MS: whole(
    shortestLease,
    longestLease,
    `must be a number of milliseconds from ${shortestLease} to ${longestLease}`,
  ).default(defaultSettings.leaseMs),
  GRACE_MS: whole(0, longestGrace, `must be a number of milliseconds from 0 to ${longestGrace}`).default(10_000),
  API_KEYS: yesOrNo.default(false),
  INTROSPECTION: yesOrNo.optional(),
  GRAPHIQL: yesOrNo.optional(),
  START_RUN_PER_MINUTE: perMinute.default(defaultRateLimits.startRunPerMinute),
  FAILED_SIGN_INS_PER_MINUTE: perMinute.default(defaultRateLimits.failedSignInsPerMinute),
  ALLOWED_ORIGINS: z
    .string()
    .transform((text) => text.split(',').map((origin) => origin.trim()))
    .pipe(originsShape)
    .default([]),
})

/** All that are read. */
export const variableNames: readonly string[] = [
  ...['DATABASE_URL', 'DATABASE_URL_FILE', 'DATABASE_PREFIX'],
  ...Object.keys(shape.shape),
  ...jwtVariableNames,
]

export type ConfigResult = { readonly config: Config } | { readonly mistakes: readonly string[] }

/** Reads the environment; all mistakes together, one line each. Values are not shown: they may be secrets. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): ConfigResult {
  const given = Object.fromEntries(Object.entries(env).filter(([name, value]) => name in shape.shape && value !== ''))
  const parsed = shape.safeParse(given)
  const database = readDatabase(env)
  const tokens = readJwt(env)
  if (parsed.success && 'url' in database && 'jwt' in tokens) {
    return { config: { ...parsed.data, database, jwt: tokens.jwt } }
  }
  const mistakes = parsed.error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}.`) ?? []
  return {
    mistakes: [
      ...mistakes,
      ...('mistakes' in tokens ? tokens.mistakes : []),
      ...('mistake' in database ? [database.mistake] : []),
    ],
  }
}
