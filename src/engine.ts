import type { Logger } from 'pino'
import type { Agent } from './agents/agent.ts'
import type { Hub } from './live/hub.ts'
import type { Worker } from './runs/worker.ts'
import type { Store } from './store/store.ts'

/** What every operation works with: made once by the server, handed down. */
export type Engine = {
  readonly store: Store
  readonly hub: Hub
  readonly worker: Worker
  /** By name, with those that are only tools of others. */
  readonly agents: ReadonlyMap<string, Agent>
  /** The names of those that people can start. */
  readonly offered: ReadonlySet<string>
  readonly settings: Settings
  readonly log: Logger
}

export type Settings = {
  readonly allowSelfApproval: boolean
  /** How long a process owns a run without renewing, in ms. */
  readonly leaseMs: number
  /** How many runs one process works on at once; more wait in the store. */
  readonly maxConcurrentRuns: number
  readonly limits: Limits
}

/** In bytes of JSON text, UTF-8. */
export type Limits = {
  readonly arguments: number
  readonly result: number
  readonly message: number
  readonly transcript: number
}

/** No limit but the transcript's may be more, and no answer of a model is: MongoDB keeps 16 MB in a document, and text takes up to four times its size in an entry. */
export const largestPart = 3 * 1024 * 1024
/** Of one that has several such parts, in bytes. */
export const longestEntry = 4 * largestPart

export const defaultSettings: Settings = {
  allowSelfApproval: false,
  leaseMs: 15_000,
  maxConcurrentRuns: 64,
  limits: { arguments: 256 * 1024, result: 1024 * 1024, message: 1024 * 1024, transcript: 16 * 1024 * 1024 },
}
