import { expect } from 'vitest'
import { z } from 'zod'
import type { TestServer, TestServerOptions } from '../../support/test-server.ts'
import { ledger } from './agents.ts'
import { approvalsOf, decide, finishedOrInDoubt, restart, start, until } from './api.ts'

/** Of a server that leaves its calls behind when it stops (in good order, so that another can have its database), and whose runs are soon taken over. */
export const hasty = { graceMs: 6_000, leaseMs: 600 }
export const inputSchema = z.object({ id: z.string() })

/** The `execute` of a tool whose calls never end at their first attempt. */
export function hangsAtFirst() {
  const kept = ledger()
  return {
    kept,
    execute(input: { id: string }, options: { toolCallId: string }): Promise<unknown> {
      kept.enter(input, options)
      return kept.times(options.toolCallId) > 1 ? Promise.resolve({ done: input.id }) : new Promise(() => {})
    },
  }
}

type CutOff = {
  readonly kept: ReturnType<typeof ledger>
  /** How many are begun before the server goes down. */
  readonly calls?: number
  /** For the approvals that come first. */
  readonly decision?: object
  /** Of the server that takes over. */
  readonly changes?: Partial<TestServerOptions>
  readonly input?: object
}

/** A run whose calls were begun by a server that is gone, once it is over or somebody is asked about them. */
export async function cutOff(api: TestServer, { kept, calls = 1, decision, changes = {}, input }: CutOff) {
  const { id } = await start(api, { waitMs: 0, ...input })
  if (decision) {
    for (const approval of approvalsOf(await until(api, id, 'RunPaused'))) await decide(api, approval.id, { decision })
  }
  await expect.poll(() => kept.made.length, { timeout: 20_000, interval: 5 }).toBe(calls)
  await restart(api, changes)
  return finishedOrInDoubt(api, id)
}
