import type { Agent } from '../agents/agent.ts'
import { defineAgent } from '../agents/define-agent.ts'
import { openDemoDatabase } from './database.ts'
import { chooseModel, type ModelSettings } from './model.ts'
import { demoTools } from './tools.ts'

export type DemoAgents = Disposable & {
  readonly agents: readonly Agent[]
  /** One line that says which model answers. */
  readonly modelNotice: string
}

const instructions = `You work in the support of a small shop. Use the tools to do what is asked, nothing else.
Look a user up before you delete them. Put independent calls into one answer.
Some calls wait for a person's approval. If one was rejected, expired or cancelled, say so with the reason, and do not propose it again.
Say at the end, in one or two sentences, what was really done according to the tools' results.`

/**
 * The agent `support` over a small real database. Dispose of it after the server is closed.
 *
 * @param options.database The database's file; made and filled when it is not there.
 * @throws CountersignError INVALID_CONFIGURATION when the file cannot be used.
 */
export function demoAgents({ database: path, env }: { database: string; env: ModelSettings }): DemoAgents {
  const { model, notice } = chooseModel(env)
  const database = openDemoDatabase(path)
  const support = defineAgent({
    name: 'support',
    description: `Looks up, deletes, refunds, gives vouchers and writes to the users of a made-up shop. Its model: ${notice}.`,
    model,
    instructions,
    tools: demoTools(database),
  })
  return { agents: [support], modelNotice: notice, [Symbol.dispose]: () => database.close() }
}
