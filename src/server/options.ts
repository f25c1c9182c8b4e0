import type { Logger } from 'pino'
import { z } from 'zod'
import type { AccessSettings } from '../access/access.ts'
import type { Authenticate } from '../access/authenticate.ts'
import type { Agent } from '../agents/agent.ts'
import { defaultSettings, type Limits, largestPart, type Settings } from '../engine.ts'
import { CountersignError } from '../errors.ts'
import type { DatabaseSetting } from './database.ts'
import { type JwtOptions, jwtShape } from './jwt-options.ts'
import { isOrigin } from './origin.ts'

export type ServerOptions = {
  /** Made by `defineAgent`; their names differ. */
  agents: readonly Agent[]
  /**
   * Where everything is kept: `file:./countersign.db` when left out, `mongodb://…` or `mongodb+srv://…` for several servers on one database.
   * With `prefix` the names of the tables or collections begin with it.
   */
  database?: DatabaseSetting | undefined
  /**
   * Who asks, and nothing else says so: `jwt` and `apiKeys` go without. With none of the three callers are known by API keys once the
   * database has any; until then everyone is an admin who may decide their own requests too, and the server listens on loopback only.
   */
  authenticate?: Authenticate | undefined
  /** Who asks, by the tokens of an identity provider; API keys are taken beside them. */
  jwt?: JwtOptions | undefined
  /** Asks for an API key before there is any. Without it, and without `jwt`, one is asked for as soon as the database has one. */
  apiKeys?: boolean | undefined
  /**
   * Of web pages that may ask over HTTP (CORS) and open WebSockets here beside those of the server's own origin, such as `https://console.example.com`.
   * None by default; while nobody has to sign in none are taken.
   */
  allowedOrigins?: readonly string[] | undefined
  /** Whether callers may read the schema over the API, and are told what they may have meant. Default: as long as the server listens on loopback only. */
  introspection?: boolean | undefined
  /** Whether a browser that comes to `/graphql` is shown GraphiQL. Default: as long as the server listens on loopback only. */
  graphiql?: boolean | undefined
  /** How often, by this process; 0 for no limit. */
  rateLimits?: Partial<RateLimits> | undefined
  /** Whether who requested a run may resolve its approvals. Default false; always true while nobody has to sign in. */
  allowSelfApproval?: boolean | undefined
  /** How long, in ms, a process owns a run without renewing: after a crash its runs are taken over within twice that. 100 to 3,600,000, default 15,000. */
  leaseMs?: number | undefined
  /** How many runs this process works on at once; more wait in the database. Default 64. */
  maxConcurrentRuns?: number | undefined
  /** In bytes of JSON text, UTF-8: arguments 256 KB, result 1 MB, message 1 MB, each at most 3 MB; transcript 16 MB. */
  limits?: Partial<Limits> | undefined
  /** How long, in ms, `close` lets work under way finish. At most 600,000, default 10,000. */
  graceMs?: number | undefined
  /** Where to log: pino's, at level info to stdout by default. */
  logger?: Logger | undefined
}

export type RateLimits = {
  /** Runs that one principal starts by the API, in a minute; as many at once. Default 600. Not counted while nobody has to sign in. */
  readonly startRunPerMinute: number
  /** Sign-ins from one address with tokens that are none, in a minute; beyond, only tokens that were good here before are looked at. Default 60. */
  readonly failedSignInsPerMinute: number
}

export const defaultRateLimits: RateLimits = { startRunPerMinute: 600, failedSignInsPerMinute: 60 }

/** What is the server's own, and nothing to the engine. */
type ServerSettings = {
  readonly graceMs: number
  readonly allowedOrigins: readonly string[]
  readonly introspection?: boolean | undefined
  readonly graphiql?: boolean | undefined
  readonly rateLimits: RateLimits
}

/** In ms. */
export const [shortestLease, longestLease, longestGrace] = [100, 3_600_000, 600_000]

const atLeast = (least: number) => z.int().min(least)
const part = atLeast(1).max(largestPart)
export const originsShape = z.array(
  z.string().refine(isOrigin, 'must be an origin such as https://console.example.com, without a path'),
)
/** A misspelt `authenticate` must not make a server that is open. */
const shape = z.strictObject({
  agents: z.array(z.unknown(), 'must be a list of agents that defineAgent made'),
  leaseMs: atLeast(shortestLease).max(longestLease).default(defaultSettings.leaseMs),
  maxConcurrentRuns: atLeast(1).default(defaultSettings.maxConcurrentRuns),
  graceMs: atLeast(0).max(longestGrace).default(10_000),
  allowedOrigins: originsShape.default([]),
  introspection: z.boolean().optional(),
  graphiql: z.boolean().optional(),
  allowSelfApproval: z.boolean().default(false),
  rateLimits: z
    .strictObject({
      startRunPerMinute: atLeast(0).default(defaultRateLimits.startRunPerMinute),
      failedSignInsPerMinute: atLeast(0).default(defaultRateLimits.failedSignInsPerMinute),
    })
    .prefault({}),
  limits: z
    .strictObject({
      arguments: part.default(defaultSettings.limits.arguments),
      result: part.default(defaultSettings.limits.result),
      message: part.default(defaultSettings.limits.message),
      transcript: atLeast(1).default(defaultSettings.limits.transcript),
    })
    .prefault({}),
})

/** @throws CountersignError INVALID_CONFIGURATION that names every option that is unknown or none of its kind. */
export function settingsOf(options: ServerOptions): Settings & ServerSettings {
  // The rest is read by who takes it.
  const { database, authenticate, jwt, apiKeys, logger, ...own } = options ?? {}
  const parsed = shape.safeParse(own)
  if (!parsed.success) {
    throw new CountersignError('INVALID_CONFIGURATION', `createServer: ${z.prettifyError(parsed.error)}`)
  }
  const { agents, ...settings } = parsed.data
  return settings
}

/** @throws CountersignError INVALID_CONFIGURATION when two ways exclude each other, or one is not whole. */
export function accessOf({ authenticate, jwt, apiKeys = false }: ServerOptions): AccessSettings {
  const parsed = z.object({ jwt: jwtShape.optional(), apiKeys: z.boolean() }).safeParse({ jwt, apiKeys })
  if (!parsed.success) {
    throw new CountersignError('INVALID_CONFIGURATION', `createServer: ${z.prettifyError(parsed.error)}`)
  }
  if (authenticate !== undefined && (jwt !== undefined || apiKeys)) {
    throw new CountersignError(
      'INVALID_CONFIGURATION',
      `createServer: 'authenticate' says who asks, and leaves nothing for '${jwt === undefined ? 'apiKeys' : 'jwt'}': give one of the two.`,
    )
  }
  return { ...parsed.data, authenticate }
}
