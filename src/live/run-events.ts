import type { Principal } from '../access/principal.ts'
import { maySeeRun } from '../access/rules.ts'
import type { Engine } from '../engine.ts'
import { CountersignError } from '../errors.ts'
import { isRunId } from '../ids.ts'
import type { RunState } from '../runs/fold.ts'
import type { Entry } from '../runs/journal.ts'
import type { RunRecord } from '../store/records.ts'
import { openChannelAfter } from './channel.ts'
import type { TextDelta } from './hub.ts'
import { nextEntry, openCursor, passEntry, readOn } from './journal-cursor.ts'
import { createSpokenText } from './spoken-text.ts'

/** `run` and `state` are as they were when the entry was read: later entries may be in them. */
export type RunWatchEvent =
  | {
      readonly kind: 'entry'
      readonly entry: Entry
      readonly run: RunRecord
      readonly state: RunState
      /** The state right after this entry. */
      readonly stateAtEntry: RunState
    }
  | { readonly kind: 'text'; readonly delta: TextDelta; readonly run: RunRecord }

export type WatchRunInput = {
  readonly runId: string
  /** The place of the last entry that is known already; null or left out: from the first entry on. */
  readonly after?: number | null
}

/**
 * Every entry after `after`, in order, without a gap, each once, and what the model says while it speaks; completes after the run's last entry.
 *
 * @throws CountersignError NOT_FOUND when there is no such run that `principal` may see; BAD_USER_INPUT when `after` is no place in a journal.
 */
export async function watchRun(
  { store, hub }: Pick<Engine, 'store' | 'hub'>,
  principal: Principal,
  { runId, after }: WatchRunInput,
): Promise<AsyncIterableIterator<RunWatchEvent>> {
  const from = after ?? 0
  if (!Number.isSafeInteger(from) || from < 0) {
    throw new CountersignError('BAD_USER_INPUT', `\`after\` must be a whole number, 0 or more, and it is ${from}.`)
  }
  if (!isRunId(runId)) throw notFound()
  const spoken = createSpokenText()
  /** How often something was heard of the run, and the last entry that was told of. */
  let heard = 1
  let told = 0

  let wakeAgain = () => {}
  const attach = (wake: () => void): Disposable => {
    wakeAgain = () => {
      heard += 1
      wake()
    }
    const attached = new DisposableStack()
    attached.use(
      hub.listenToRun(runId, (news) => {
        if (news.kind === 'approval') return
        if (news.kind === 'run') told = Math.max(told, news.seq)
        heard += 1
        wake()
      }),
    )
    attached.use(
      hub.listenToText(runId, (delta) => {
        spoken.hear(delta)
        wake()
      }),
    )
    return attached
  }

  return openChannelAfter<RunWatchEvent>(attach, async () => {
    const run = await store.runs.get(runId)
    if (!run || !maySeeRun(principal, run)) throw notFound()
    let cursor = await openCursor(store, run, from)
    /** How much of what was heard has been read for. */
    let heeded = 0
    /** Since when something is told of that no read finds. */
    let lateSince: number | null = null

    /** The feed may be ahead of what is read, while a database changes its primary: what it told of is looked for until it is there. */
    function heed(heardBefore: number, toldBefore: number) {
      const isLate = cursor.read.seq < toldBefore && !cursor.over
      lateSince = isLate ? (lateSince ?? performance.now()) : null
      if (lateSince !== null && performance.now() - lateSince < patienceMs) setTimeout(wakeAgain, againMs).unref()
      heeded = heardBefore
    }

    return async () => {
      for (;;) {
        let entry = nextEntry(cursor)
        const step = cursor.here.turns.length
        // Text of a later step: its model call was made after an entry that is not read yet.
        if (!entry && !cursor.over && (heard > heeded || spoken.step > step)) {
          const heardBefore = heard
          const toldBefore = told
          cursor = await readOn(store, cursor)
          entry = nextEntry(cursor)
          if (cursor.caughtUp) heed(heardBefore, toldBefore)
        }
        if (entry ? endsSpeech(entry) : !cursor.over) {
          const delta = spoken.take(step)
          if (delta) return { value: { kind: 'text', delta, run: cursor.run } }
        }
        if (!entry) return cursor.over ? 'over' : 'nothing yet'
        cursor = passEntry(cursor, entry)
        const { run, present: state, here: stateAtEntry } = cursor
        if (entry.seq > from) return { value: { kind: 'entry', entry, run, state, stateAtEntry } }
      }
    }
  })
}

const againMs = 100
const patienceMs = 5_000

/** What follows the text of a step. Any other entry comes before the model speaks. */
const endsSpeech = ({ type }: Entry) =>
  type === 'model-responded' || type === 'completed' || type === 'failed' || type === 'cancelled'

const notFound = () => new CountersignError('NOT_FOUND', 'There is no such run.')
