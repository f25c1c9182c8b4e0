import { AsyncLocalStorage } from 'node:async_hooks'
import type { RunId } from '../../../src/ids.ts'
import type { EntryRecord, Resolution, RunRecord } from '../../../src/store/records.ts'
import type { Step, Store } from '../../../src/store/store.ts'
import { type Around, faulty, type Method } from '../../runs/faulty-store.ts'
import { nameOf } from '../scripts.ts'
import { pass } from './point.ts'

/** The write that is being made, for whoever knows what it consists of. */
export type Writing = { readonly run: string; readonly point: string; commands: number }
export const writing = new AsyncLocalStorage<Writing>()

/** The store with a point before and one after each write, and one after each read of the worker's; named after what is written. */
export function pointedStore(store: Store): Store {
  const runs = new Map<string, Pick<RunRecord, 'message' | 'agentName'>>()
  const learn = (answer: unknown) => {
    for (const record of [answer].flat()) if (isRun(record)) runs.set(record.id, record)
  }
  const place = (id: string | undefined, what: string) => {
    const run = id === undefined ? undefined : runs.get(id)
    if (!run) return { run: '*', point: what }
    return { run: nameOf(run.message), point: run.agentName === 'agent' ? what : `${run.agentName}: ${what}` }
  }
  const around: Around = async (method, call, args) => {
    if (method === 'runs.create') learn(args[0])
    if (method === 'runs.step') learn((args[0] as Step).start.map(({ run }) => run))
    const write = writeOf(method, args)
    // That one is about nobody's run.
    const read = write === null && method !== 'runs.unserved' && isWorkers() ? method : null
    if (write === null && read === null) return call()
    const before = place(runIdIn(args[0]), write ?? `${read}`)
    if (write !== null) await pass(`${before.point} before`, before.run)
    const answer = await writing.run({ ...before, commands: 0 }, call)
    learn(answer)
    const { id, what } = told(method, write ?? `${read}`, args, answer)
    const after = place(id, what)
    // Sweeps find nothing again and again.
    const isIdle = (method === 'approvals.unheard' || method === 'approvals.due') && id === undefined
    if (!isIdle) await pass(`${after.point} after`, after.run)
    return answer
  }
  return faulty(store, around)
}

const isRun = (value: unknown): value is RunRecord =>
  typeof value === 'object' && value !== null && 'agentName' in value && 'message' in value && 'fence' in value

/** What a write is called; null for what is none. */
function writeOf(method: Method, args: readonly unknown[]): string | null {
  switch (method) {
    case 'runs.create':
      return 'create'
    case 'runs.claimOrSignal':
      return 'claim'
    case 'runs.claimDue':
      return 'claim what is due'
    case 'runs.renew':
      return 'renew'
    case 'runs.signal':
      return args[1] ? 'ask to cancel' : 'signal'
    case 'runs.step':
      return stepOf(args[0] as Step)
    case 'approvals.decide': {
      const { status, cause } = args[3] as Resolution
      return `decide ${String(args[0]).split('_').length > 4 ? 'a reconciliation ' : ''}${status} by ${cause}`
    }
    case 'principals.put':
      return 'name a principal'
    default:
      return reads.has(method.split('.')[1] ?? '') ? null : method
  }
}
/** Whatever else the port has is a write. */
const reads = new Set(['get', 'getMany', 'list', 'count', 'history', 'read', 'unheard', 'unserved', 'due'])

function stepOf({ entries, propose, heard, start, signal, cancelPending, release }: Step): string {
  const brings = [
    propose.length > 0 && 'proposing',
    heard.length > 0 && 'hearing',
    start.length > 0 && 'starting',
    signal.length > 0 && 'signalling',
    cancelPending && 'ending approvals',
    release && 'letting go',
  ]
  return ['step', [...new Set(entries.map(typeOf))].join(','), ...brings].filter(Boolean).join(' ')
}
const typeOf = ({ text }: EntryRecord): string => JSON.parse(text).type

/** Which run an answer is about, where the question names none; and what it says that makes it another point. */
function told(
  method: Method,
  what: string,
  args: readonly unknown[],
  answer: unknown,
): { id: RunId | undefined; what: string } {
  const id = runIdIn(args[0])
  if (method === 'runs.claimOrSignal' && answer === null) return { id, what: 'claim that signals' }
  const isSweep = method === 'runs.claimDue' || method === 'approvals.unheard' || method === 'approvals.due'
  const [found] = isSweep ? [answer].flat() : []
  return found ? { id: runIdIn(found), what: `${what}, finding some,` } : { id, what }
}

/** The run that the first argument is about: a record, a step, an approval's id, or several ids. */
function runIdIn(value: unknown): RunId | undefined {
  if (Array.isArray(value)) return runIdIn(value[0])
  if (typeof value === 'object' && value !== null) {
    if ('runId' in value) return runIdIn(value.runId)
    return 'id' in value && 'agentName' in value ? runIdIn(value.id) : undefined
  }
  const match = /^(?:run|apr)_([0-9a-f]{32})/.exec(String(value))
  return match ? (`run_${match[1]}` as RunId) : undefined
}

const isWorkers = () => /\/runs\/(?:drive|recover|worker)\.ts/.test(new Error().stack ?? '')
