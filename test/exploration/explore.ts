import type { RunState } from '../../src/runs/fold.ts'
import type { ApprovalRecord } from '../../src/store/records.ts'
import type { Guard } from './kept.ts'
import { eventsOf, leaseRunsOut } from './outside.ts'
import { type Step, stepsOf } from './process.ts'
import { beginning, type Process, type World } from './world.ts'
import { rest, wrongWith } from './wrong.ts'

export type Explored = {
  readonly states: number
  readonly wrong: string | null
  /** The shortest way to it. */
  readonly trace: readonly string[]
}

export function explore(without: Guard | null, left: World['left']): Explored {
  const places = new Map<string, number>()
  const worlds: (World | undefined)[] = []
  const cameFrom: { from: number; label: string }[] = []
  const edges: [number, number][] = []
  const resting: number[] = []
  const place = (world: World, from: number, label: string): number => {
    const key = keyOf(world)
    const known = places.get(key)
    if (known !== undefined) return known
    places.set(key, worlds.length)
    cameFrom.push({ from, label })
    return worlds.push(world) - 1
  }
  const traceTo = (at: number): string[] => {
    const { from, label } = cameFrom[at] ?? { from: -1, label: '' }
    return from < 0 ? [] : [...traceTo(from), label]
  }
  const found = (wrong: string, at: number) => ({ states: worlds.length, wrong, trace: traceTo(at) })
  place(normal(beginning(without, left)), -1, '')
  for (let at = 0; at < worlds.length; at++) {
    const world = worlds[at]
    if (!world) throw new Error('Each state is visited once.')
    worlds[at] = undefined
    const wrong = world.wrong ?? wrongWith(world.kept)
    if (wrong !== null) return found(wrong, at)
    const byThemselves: Step[] = [
      ...world.processes.flatMap((_, which) =>
        stepsOf(world, which).map(([label, after]): Step => [`Process ${which} ${label}`, after]),
      ),
      ...leaseRunsOut(world),
    ]
    const next = byThemselves.map(([label, after]) => place(normal(after), at, label)).filter((to) => to !== at)
    const { rests, wrong: lost } = rest(world)
    if (lost !== null) return found(lost, at)
    if (rests) resting.push(at)
    else if (next.length === 0) return found('stuck', at)
    for (const to of next) edges.push([at, to])
    for (const [label, after] of eventsOf(world)) place(normal(after), at, label)
  }
  const endless = firstThatNeverRests(worlds.length, edges, resting)
  return endless === null
    ? { states: worlds.length, wrong: null, trace: [] }
    : found('goes round without an end', endless)
}

/** The first state from which the processes by themselves cannot come to rest. */
function firstThatNeverRests(
  states: number,
  edges: readonly [number, number][],
  resting: readonly number[],
): number | null {
  const before = Array.from({ length: states }, (): number[] => [])
  for (const [from, to] of edges) before[to]?.push(from)
  const reaches = new Uint8Array(states)
  const open = [...resting]
  for (const at of open) reaches[at] = 1
  for (let at = open.pop(); at !== undefined; at = open.pop())
    for (const from of before[at] ?? []) {
      if (reaches[from]) continue
      reaches[from] = 1
      open.push(from)
    }
  const endless = reaches.indexOf(0)
  return endless < 0 ? null : endless
}

/** Fences and signals are only ever compared with the run's own, and only rise: how often they rose makes no difference. */
function normal(world: World): World {
  const { kept, processes, now } = world
  const { fence, signals, due } = kept.run
  const run = { ...kept.run, fence: 1, signals: 1, due: due !== null && due <= now ? 0 : due }
  return { ...world, kept: { ...kept, run }, processes: processes.map((process) => relative(process, fence, signals)) }
}

function relative(process: Process, fence: number, signals: number): Process {
  const { drive } = process
  if (drive === null) return process
  const now = { fence: Number(drive.fence === fence), signals: Number(drive.signals === signals) }
  if (now.fence === drive.fence && now.signals === drive.signals) return process
  return { ...process, drive: { ...drive, ...now } }
}

/**
 * What tells worlds apart. Which process is which does not, nor how many entries the journal has: places are only ever compared with its end,
 * and name the questions about calls in doubt, of which each call's last counts.
 */
function keyOf({ kept, processes, now, left, entered, afterCancel }: World): string {
  const { run, journal, approvals } = kept
  const { lease, due, cancelRequested, seq } = run
  const [first = '', second = ''] = processes.map((process) => processKey(process, seq))
  const each = first < second ? `${first} ${second}` : `${second} ${first}`
  const outside = `${now}${left.cancels}${left.mishaps} ${entered.length} ${afterCancel.length}`
  return `${lease?.over} ${due} ${cancelRequested !== null} ${stateKey(journal)} ${approvalsKey(approvals)} ${outside} ${each}`
}

const numbers = new Map<string, number>()
const states = new WeakMap<RunState, number>()
function stateKey(state: RunState): number {
  const known = states.get(state)
  if (known !== undefined) return known
  const text = JSON.stringify(state, (name, value) =>
    name === 'seq' ? 0 : (name === 'startedSeq' || name === 'approvalId') && value !== null ? 1 : value,
  )
  const number = numbers.get(text) ?? numbers.size
  numbers.set(text, number)
  states.set(state, number)
  return number
}

function approvalsKey(approvals: readonly ApprovalRecord[]): string {
  let key = ''
  for (const { callId, kind, status, unheard, revision, resolution } of approvals)
    key += `${callId.slice(38)}${kind[0]}${status[0]}${unheard}${revision}${resolution?.outcome != null} `
  return key
}

function processKey({ wakes, drive }: Process, seq: number): string {
  if (drive === null) return String(wakes)
  const { at, held, fence, signals, cancel, seen, state, drafts, unseen, aborted, running, admitted } = drive
  const writes = `${state.seq - drafts.length === seq} ${drafts.length}`
  let key = `${wakes} ${at} ${held} ${fence} ${signals} ${cancel !== null} ${approvalsKey(seen)} ${stateKey(state)} ${writes} ${unseen} ${aborted} ${admitted.length} `
  for (const { name, phase } of running) key += name.slice(38) + phase
  return key
}
