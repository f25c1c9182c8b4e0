import type { Engine } from '../engine.ts'
import type { RunRecord } from '../store/records.ts'
import { openChannel } from './channel.ts'

/**
 * The run as it is as soon as `until` holds for it, or after `waitMs`, whatever it is then.
 *
 * @param run As it was last seen: it is not read again if `until` holds for it, or there is no time to wait.
 */
export async function waitForRun(
  { store, hub }: Pick<Engine, 'store' | 'hub'>,
  run: RunRecord,
  waitMs: number,
  until: (run: RunRecord) => boolean,
): Promise<RunRecord> {
  if (until(run) || waitMs <= 0) return run
  let latest = run
  await using changes = openChannel({
    attach: (wake) => hub.listenToRun(run.id, wake),
    async take() {
      latest = (await store.runs.get(run.id)) ?? latest
      return until(latest) ? { value: latest } : 'nothing yet'
    },
  })
  const timer = setTimeout(() => void changes.return(), waitMs)
  try {
    await changes.next()
    return latest
  } finally {
    clearTimeout(timer)
  }
}
