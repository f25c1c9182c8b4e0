import { parsePrincipal } from '../src/access/principal.ts'
import { resolveApproval } from '../src/approvals/resolve.ts'
import type { Engine } from '../src/engine.ts'
import { openStore } from '../src/server/database.ts'
import type { Store } from '../src/store/store.ts'
import { answer } from './child.ts'
import { startEngine } from './cycle.ts'

let store: Store | undefined
let engine: Engine | undefined

export type Attempt = { readonly outcome: string; readonly ms: number }

const handlers = {
  async open(url: string): Promise<void> {
    store = await openStore(url)
    const started = await startEngine(store)
    // The runs do not go on: resolutions are all of the load.
    engine = { ...started.engine, worker: { ...started.engine.worker, wake: async () => null } }
    await started.engine.worker.stop(1_000)
  },
  /** All at once, each by somebody else. */
  resolveAll: (approvalIds: readonly string[]): Promise<Attempt[]> =>
    Promise.all(
      approvalIds.map(async (approvalId, index) => {
        if (!engine) throw new Error('It is not open')
        const name = `Approver ${index} of ${process.pid}`
        const approver = parsePrincipal({ id: name.replaceAll(' ', '-'), name, roles: ['APPROVER'] })
        const began = performance.now()
        const { __typename: outcome } = await resolveApproval(engine, approver, {
          approvalId,
          decision: { approve: {} },
        })
        return { outcome, ms: performance.now() - began }
      }),
    ),
}
export type RaceChild = typeof handlers

answer(handlers, async () => store?.[Symbol.asyncDispose]())
