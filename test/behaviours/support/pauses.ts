import { z } from 'zod'
import type { AnyData } from '../../support/client.ts'
import { agentOf, ledger } from './agents.ts'
import { approvalsOf, start } from './api.ts'
import type { TestStore } from './stores.ts'

/** What the calls of {@link pauses} are made with; for user input the person fills in the euros. */
export const inputSchema = z.object({ to: z.string(), euros: z.number() })
export const input = { to: 'Riley', euros: 5 }

/** The three pauses: what a tool says to have it, and an approval that fits. */
export const pauses = {
  confirmation: { fields: { pause: 'confirmation' }, approve: {} },
  'user-input': {
    fields: { pause: 'user-input', userInput: ['euros'] },
    approve: { values: { euros: 50 } },
  },
  'external-execution': {
    fields: { pause: 'external-execution', execute: undefined },
    approve: { outcome: { success: { result: 'paid' } } },
  },
} as const
export type Pause = keyof typeof pauses
export const eachPause = Object.keys(pauses) as Pause[]
/** As the API names it. */
export const kindOf = (pause: Pause): string => pause.replace('-', '_').toUpperCase()

/** An agent whose calls of `pay` need an approver, and those of `say` its requester's word: one of each in a turn. */
function payAndSay(pause: Pause, turns: number) {
  const kept = ledger()
  const say = { inputSchema, execute: kept.enter, ...pauses[pause].fields }
  const asked = ['pay', 'say'].map((call) => ({ call, input }))
  const tools = { pay: { ...say, approval: 'required' }, say }
  return { kept, ...agentOf(tools, Array<typeof asked>(turns).fill(asked)) }
}

/** A run of it that waits, on a server of its own; the calls by their ids, and the approval of `pay`. */
export async function pausedRun(serve: TestStore['serve'], pause: Pause, options: object = {}, turns = 1) {
  const { kept, agent, prompts } = payAndSay(pause, turns)
  const api = await serve({ agents: [agent] })
  const run: AnyData = await start(api, { ...options })
  const [pay, say] = run.requirements.map(({ callId }: { callId: string }) => callId)
  const [{ id }] = approvalsOf(run)
  return { kept, agent, prompts, api, run, pay, say, id, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() }
}
