import { z } from 'zod'
import type { Principal } from '../src/access/principal.ts'
import { defineAgent } from '../src/agents/define-agent.ts'
import { scriptedModel } from '../src/agents/scripted-model.ts'
import { tool } from '../src/agents/tool.ts'
import { createServer, type Server } from '../src/server/server.ts'
import { answer } from './child.ts'
import { quiet } from './cycle.ts'

let server: Server | undefined
let begun = 0
const requester = { id: 'rita', roles: ['REQUESTER'] } as const

/** Its one call never ends on a server that is to be killed. */
const worker = (isToBeKilled: boolean) =>
  defineAgent({
    name: 'worker',
    model: scriptedModel([[{ call: 'work', input: {} }], [{ text: 'Worked.' }]]),
    tools: {
      work: tool({
        inputSchema: z.object({}),
        idempotent: true,
        execute() {
          begun += 1
          return isToBeKilled ? new Promise(() => {}) : 'done'
        },
      }),
    },
  })

const authenticate = (token: string | null): Pick<Principal, 'id' | 'roles'> | null =>
  token === null ? null : { id: 'prn_ada' as Principal['id'], roles: ['ADMIN'] }

const handlers = {
  async listen(database: string, isToBeKilled: boolean): Promise<string> {
    server = createServer({
      agents: [worker(isToBeKilled)],
      database,
      authenticate,
      maxConcurrentRuns: 256,
      logger: quiet,
    })
    return (await server.listen({ port: 0, host: '127.0.0.1' })).url
  },
  async start(count: number): Promise<void> {
    const input = { agentName: 'worker', message: 'Work.' }
    for (let index = 0; index < count; index += 1) await server?.runs.start(requester, input)
  },
  begun: () => begun,
}
export type RecoveryChild = typeof handlers

answer(handlers, async () => {
  await server?.close()
})
