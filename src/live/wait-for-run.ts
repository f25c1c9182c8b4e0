import type { Engine } from '../engine.ts'
import type { RunRecord } from '../store/records.ts'
import { openChannel } from './channel.ts'

/**
 * The run as it is as soon as `until` holds for it; or, whatever it is then, after `waitMs`, or when the process is about to end: whoever
 * waits gets an answer and not a broken connection, and the run goes on without them.
 *
 * @param run As it was last seen: it is not read again if `until` holds for it, or there is no time to wait.
 * @param seen When: `now` says that nothing can have come in between, and so only news are waited for.
 */
export async function waitForRun(
  { store, hub }: Pick<Engine, 'store' | 'hub'>,
  run: RunRecord,
  waitMs: number,
  until: (run: RunRecord) => boolean,
  seen: 'before' | 'now' = 'before',
): Promise<RunRecord> {
  if (until(run) || waitMs <= 0 || hub.closing.aborted) return run
  let latest = run
  /** As this process has just written it; null when it must be read. */
  let written: RunRecord | null = seen === 'now' ? run : null
  await using changes = openChannel({
    attach: (wake) =>
      hub.listenToRun(run.id, (news) => {
        // What becomes of an approval changes the run only by the run's own next step.
        if (news.kind === 'approval') return
        written = news.kind === 'run' && news.record && news.record.seq >= latest.seq ? news.record : null
        wake()
      }),
    async take() {
      const known = written
      written = null
      latest = known ?? (await store.runs.get(run.id)) ?? latest
      return until(latest) ? { value: latest } : 'nothing yet'
    },
  })
  const end = () => void changes.return()
  const timer = setTimeout(end, waitMs)
  hub.closing.addEventListener('abort', end)
  try {
    await changes.next()
    return latest
  } finally {
    clearTimeout(timer)
    hub.closing.removeEventListener('abort', end)
  }
}
