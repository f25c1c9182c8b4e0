import pino from 'pino'
import { z } from 'zod'
import type { Principal } from '../src/access/principal.ts'
import { parsePrincipal } from '../src/access/principal.ts'
import type { Agent } from '../src/agents/agent.ts'
import { defineAgent } from '../src/agents/define-agent.ts'
import { scriptedModel } from '../src/agents/scripted-model.ts'
import { tool } from '../src/agents/tool.ts'
import { resolveApproval } from '../src/approvals/resolve.ts'
import { defaultSettings, type Engine } from '../src/engine.ts'
import { approvalIdOf, callId } from '../src/ids.ts'
import { createHub } from '../src/live/hub.ts'
import { waitForRun } from '../src/live/wait-for-run.ts'
import { startRun } from '../src/runs/start.ts'
import { createWorker } from '../src/runs/worker.ts'
import type { Store } from '../src/store/store.ts'
import { type Load, timeIsUp } from './bench.ts'

/** How many cycles are under way at once, wherever that is measured. */
export const inFlight = 32

export const message = 'Delete all data for user u_42'

/** The agent of every measurement: proposes one deletion, and ends when it has its result. `onDelete` is the tool's first line. */
export const benchAgent = (onDelete: (userId: string) => void = () => {}, name = 'bench') =>
  defineAgent({
    name,
    model: scriptedModel([[{ call: 'delete_user', input: { userId: 'u_42' } }], [{ text: 'Deleted.' }]]),
    tools: {
      delete_user: tool({
        description: 'Permanently delete all data for a user.',
        inputSchema: z.object({ userId: z.string() }),
        approval: 'required',
        execute: async ({ userId }) => {
          onDelete(userId)
          return { deleted: 1 }
        },
      }),
    },
  })

export const quiet = pino({ level: 'silent' })

const requester: Principal = parsePrincipal({ id: 'rita', name: 'Rita Requester', roles: ['REQUESTER'] })
const approver: Principal = parsePrincipal({ id: 'ada', name: 'Ada Approver', roles: ['APPROVER'] })

/** The engine on a store, without a server. Ends with its scope; the store does not. */
export async function startEngine(
  store: Store,
  agents: readonly Agent[] = [benchAgent()],
): Promise<{ readonly engine: Engine } & AsyncDisposable> {
  const hub = createHub(store)
  const byName = new Map(agents.map((agent) => [agent.name, agent]))
  const base = { store, hub, agents: byName, offered: new Set(byName.keys()), settings: defaultSettings, log: quiet }
  const worker = createWorker(base)
  await worker.start()
  return {
    engine: { ...base, worker },
    async [Symbol.asyncDispose]() {
      await worker.stop(1_000)
      hub[Symbol.dispose]()
    },
  }
}

/** From the request to its answer: the run starts, pauses, is approved by somebody else, deletes and completes. */
export async function cycle(engine: Engine): Promise<void> {
  const started = await startRun(engine, requester, { agentName: 'bench', message, waitMs: 30_000 })
  if (started.__typename !== 'StartRunSuccess') throw new Error(started.message)
  const { status: paused, error: failure } = started.run
  if (paused !== 'PAUSED') throw new Error(`The run is ${paused} where it should be PAUSED: ${failure?.message}`)
  // Its one call is the first of the third entry: started, model-responded, proposed.
  const approvalId = approvalIdOf(callId(started.run.id, 3, 0))
  // Listened for before it can be: who waits reads nothing.
  const ended = waitForRun(engine, started.run, 30_000, (run) => run.status === 'COMPLETED', 'now')
  const resolved = await resolveApproval(engine, approver, { approvalId, decision: { approve: {} } })
  if (resolved.__typename !== 'ResolveApprovalSuccess') throw new Error(resolved.message)
  const { status, error } = await ended
  if (status !== 'COMPLETED') throw new Error(`The run is ${status}: ${error?.message}`)
}

/** As many at once as `inFlight` says: the next begins when one is over. Gives how many there were. */
export async function inParallel(load: Load, once: () => Promise<void>): Promise<number> {
  const isOver = timeIsUp(load)
  let begun = 0
  const loop = async () => {
    while (begun < load.most && !isOver()) {
      begun += 1
      await once()
    }
  }
  await Promise.all(Array.from({ length: inFlight }, loop))
  return begun
}
