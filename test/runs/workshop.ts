import type { LanguageModelV4, LanguageModelV4Prompt } from '@ai-sdk/provider'
import pino from 'pino'
import { parsePrincipal, type Role } from '../../src/access/principal.ts'
import type { Agent } from '../../src/agents/agent.ts'
import { agentsByName, defineAgent, type ToolRecord } from '../../src/agents/define-agent.ts'
import { type ScriptedPart, scriptedModel, turnOf } from '../../src/agents/scripted-model.ts'
import type { Duration } from '../../src/agents/tool.ts'
import { resolveApproval } from '../../src/approvals/resolve.ts'
import { defaultSettings, type Engine, type Settings } from '../../src/engine.ts'
import type { RunId } from '../../src/ids.ts'
import type { StartRunInput } from '../../src/inputs.ts'
import { createHub } from '../../src/live/hub.ts'
import { type Entry, readEntry } from '../../src/runs/journal.ts'
import { startRun } from '../../src/runs/start.ts'
import { createWorker } from '../../src/runs/worker.ts'
import type { ApprovalRecord, RunRecord } from '../../src/store/records.ts'
import { openSqliteStore, type SqliteOptions } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { turns } from './faulty-store.ts'

const person = (id: string, ...roles: Role[]) => parsePrincipal({ id, roles })
export const rita = person('rita', 'REQUESTER')
export const anna = person('anna', 'APPROVER')

/** A process that works on runs: engine and worker on a store, as the server makes them. */
export type Workplace = AsyncDisposable & {
  readonly engine: Engine
  readonly store: Store
  /** What was logged at level error. */
  readonly errors: readonly { readonly msg: string; readonly err?: { readonly message: string } }[]
  start(input?: Partial<StartRunInput>): Promise<RunRecord>
  /** The run once this holds of it (letting go of a lease is no news: it is read again and again); rejects after 20 s. */
  until(id: RunId, holds: (run: RunRecord) => boolean): Promise<RunRecord>
  pending(id: RunId): Promise<ApprovalRecord[]>
  decide(approval: ApprovalRecord, verdict?: 'approve' | 'reject'): ReturnType<typeof resolveApproval>
  journal(id: RunId): Promise<Entry[]>
}
export type Work = {
  readonly agents: readonly Agent[]
  readonly store: Store
  readonly settings?: Partial<Settings>
}

export async function openWorkplace({ agents, store, settings }: Work): Promise<Workplace> {
  const errors: Workplace['errors'][number][] = []
  const log = pino({ level: 'error' }, { write: (line) => void errors.push(JSON.parse(line)) })
  const hub = createHub(store)
  const offered = new Set(agents.map(({ name }) => name))
  const base = { store, hub, agents: agentsByName(agents), offered, settings: { ...defaultSettings, ...settings }, log }
  const worker = createWorker(base)
  const engine = { ...base, worker }
  await worker.start()
  return {
    engine,
    store,
    errors,
    async start(input = {}) {
      const agentName = agents[0]?.name ?? 'agent'
      const started = await startRun(engine, rita, { agentName, message: 'Do it', ...input })
      if (started.__typename !== 'StartRunSuccess') throw new Error(started.message)
      return started.run
    },
    async until(id, holds) {
      for (const end = performance.now() + 20_000; ; await turns(3)) {
        const run = await store.runs.get(id)
        if (run && holds(run)) return run
        if (performance.now() > end) throw new Error(`It never came to pass: ${JSON.stringify(run)}`)
      }
    },
    pending: (id) => store.approvals.list(pendingOf(id), 'OLDEST_FIRST', { limit: 100 }),
    decide: (approval, verdict = 'approve') =>
      resolveApproval(engine, anna, { approvalId: approval.id, decision: { [verdict]: {} } }),
    journal: async (id) => (await store.journal.read(id, 0, 1_000)).map(readEntry),
    async [Symbol.asyncDispose]() {
      await worker.stop(5_000)
      hub[Symbol.dispose]()
    },
  }
}

const pendingOf = (runId: RunId) => ({ visible: { tenant: 'default' }, status: ['PENDING' as const], runId })

/** A workplace on a store of its own, in memory. */
export async function openShop(
  { agents, settings }: Omit<Work, 'store'>,
  { change = (store: Store) => store, ...options }: Partial<SqliteOptions> & { change?: (store: Store) => Store } = {},
): Promise<Workplace> {
  const store = await openSqliteStore({ path: ':memory:', ...options })
  const shop = await openWorkplace({ agents, store: change(store), ...(settings && { settings }) })
  return {
    ...shop,
    async [Symbol.asyncDispose]() {
      await shop[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
    },
  }
}

/** An agent whose model says these things, one answer after the other. */
export function agentOf(
  tools: ToolRecord,
  turns: readonly (readonly ScriptedPart[])[] | ((prompt: LanguageModelV4Prompt) => readonly ScriptedPart[]),
  more: {
    name?: string
    maxSteps?: number
    maxRetries?: number
    maxTotalTokens?: number
    timeout?: Duration
    maxHistoryMessages?: number
    model?: LanguageModelV4
  } = {},
): Agent {
  const answers = typeof turns === 'function' ? turns : (prompt: LanguageModelV4Prompt) => turns[turnOf(prompt)] ?? bye
  return defineAgent({ name: 'agent', model: scriptedModel(answers), tools, ...more })
}
const bye: readonly ScriptedPart[] = [{ text: 'Done.' }]

export const isDone = ({ status }: RunRecord) => status !== 'RUNNING' && status !== 'PAUSED'
export const isPaused = ({ status }: RunRecord) => status === 'PAUSED'
export const typesOf = (entries: readonly Entry[]) => entries.map(({ type }) => type)

/** Counts how often each call was made, by its id. */
export function tally() {
  const made = new Map<string, number>()
  return {
    made,
    mark: (_: unknown, { toolCallId }: { toolCallId: string }) => {
      made.set(toolCallId, (made.get(toolCallId) ?? 0) + 1)
      return 'done'
    },
    twice: () => [...made].filter(([, times]) => times > 1),
  }
}
