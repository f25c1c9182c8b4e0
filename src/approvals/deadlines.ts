import type { Engine } from '../engine.ts'
import { isUnavailable } from '../errors.ts'
import type { ApprovalId } from '../ids.ts'
import type { ApprovalRecord } from '../store/records.ts'
import type { Decided, DueApproval } from '../store/store.ts'
import { resolutionWith } from './resolution.ts'

type Reach = Pick<Engine, 'store' | 'worker' | 'log'>

/** Whoever comes late writes EXPIRED: the deadline decides, not who looks. Before it nothing is written. */
export async function expire(
  { store, worker }: Pick<Reach, 'store' | 'worker'>,
  { id, tenant, runId }: Pick<ApprovalRecord, 'id' | 'tenant' | 'runId'>,
  at: number,
): Promise<Decided> {
  const resolution = resolutionWith({ status: 'EXPIRED', cause: 'DEADLINE', at })
  const decided = await store.approvals.decide(id, tenant, { deadline: { is: 'passed', at } }, resolution)
  if (decided.won) void worker.wake(runId)
  return decided
}

/** Does what is due about approvals that nobody decides, of any agent: those past their deadline expire, the others are reminded of. */
export type DeadlineSweep = {
  /** @returns when to look again, in ms: as soon as something known is due, and at most `everyMs`. */
  look(everyMs: number): Promise<number>
}

const atOnce = 200
/** For so long an approval is left alone that something is wrong with, in ms. */
const troubledMs = 60_000

export function deadlineSweep(engine: Reach, stopping: AbortSignal): DeadlineSweep {
  const { store, log } = engine
  const troubled = new Map<ApprovalId, number>()

  async function settle(due: DueApproval): Promise<void> {
    const at = store.now()
    try {
      const { won, approval } = await expire(engine, due, at)
      if (!won && approval?.status === 'PENDING') await remind(due, approval, at)
    } catch (error) {
      if (isUnavailable(error)) throw error
      log.error({ err: error, approvalId: due.id }, 'An approval that is due can be neither expired nor reminded of')
      troubled.set(due.id, performance.now() + troubledMs)
    }
  }

  /** However many moments passed meanwhile, one reminder stands for them. */
  async function remind(due: DueApproval, { remindAt, expiresAt }: ApprovalRecord, at: number) {
    const next = [...remindAt, expiresAt ?? at].find((moment) => moment > at)
    if (next === undefined) throw new Error('It is due, and its deadline is not in the future')
    await store.approvals.remind(due, { due: next, at })
  }

  return {
    async look(everyMs) {
      for (const [id, until] of troubled) if (until <= performance.now()) troubled.delete(id)
      while (!stopping.aborted) {
        const now = store.now()
        const found = await store.approvals.due(now + everyMs, atOnce + troubled.size)
        const waiting = found.filter(({ id }) => !troubled.has(id))
        const due = waiting.filter((approval) => approval.due <= now)
        await Promise.all(due.map(settle))
        const next = waiting[due.length]?.due ?? now + everyMs
        if (due.length < atOnce) return Math.max(0, Math.min(everyMs, next - store.now()))
      }
      return everyMs
    },
  }
}
