import type { CallId } from '../ids.ts'

/** What one run has under way in this process, the model's answer, look-ups and calls, and the ways to tell it to stop. */
export type UnderWay = {
  readonly names: ReadonlySet<CallId | 'model'>
  /** For the model and look-ups: nothing is lost by asking again. */
  readonly asking: AbortSignal
  /** Whether all were told to stop, and the run goes on no further. */
  isEnding(): boolean
  /** For a call that begins now. */
  signals(): CallSignals
  begin(name: CallId | 'model', work: Promise<void>): void
  /** Its outcome is on its way to the journal: nobody waits for it any more. */
  end(name: CallId): void
  /** The run goes on no further: how calls end then is recorded. */
  abort(reason: string): void
  /** Nothing is asked any more. */
  stopAsking(reason: string): void
  /** This process stops: what gives nothing by then is left to whoever has the run next. */
  leave(reason: string): void
  /** The same for calls only, since others may have the run by now; what begins later, should they not, goes on. */
  lapse(reason: string): void
  /** The run's time is over: nothing is waited for. */
  stop(reason: string): void
}

export type CallSignals = {
  /** Tells the tool to stop, and waits for how it ends. */
  readonly abortSignal: AbortSignal
  /** The same, because this process may not see to it any longer. */
  readonly leaving: AbortSignal
  /** The time of the run is over: nothing is waited for. */
  readonly outOfTime: AbortSignal
}

/** @param changed Something ended; with the error when it failed. */
export function createUnderWay(changed: (error?: unknown) => void): UnderWay {
  const names = new Set<CallId | 'model'>()
  const asking = new AbortController()
  const calling = new AbortController()
  const outOfTime = new AbortController()
  let leaving = new AbortController()
  const abortion = (reason: string) => new DOMException(reason, 'AbortError')
  return {
    names,
    asking: asking.signal,
    isEnding: () => calling.signal.aborted || outOfTime.signal.aborted,
    signals: () => ({ abortSignal: calling.signal, leaving: leaving.signal, outOfTime: outOfTime.signal }),
    begin(name, work) {
      names.add(name)
      const failure = work.then(
        () => undefined,
        (error: unknown) => error,
      )
      void failure.then((error) => {
        names.delete(name)
        changed(error)
      })
    },
    end(name) {
      names.delete(name)
      changed()
    },
    stopAsking: (reason) => asking.abort(abortion(reason)),
    abort(reason) {
      const error = abortion(reason)
      asking.abort(error)
      calling.abort(error)
    },
    leave(reason) {
      const error = abortion(reason)
      asking.abort(error)
      leaving.abort(error)
    },
    lapse(reason) {
      leaving.abort(abortion(reason))
      leaving = new AbortController()
    },
    stop(reason) {
      const error = new DOMException(reason, 'TimeoutError')
      asking.abort(error)
      outOfTime.abort(error)
    },
  }
}
