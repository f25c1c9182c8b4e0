import { createLog } from '../server/log.ts'
import { createServer } from '../server/server.ts'
import { demoAgents } from './agents.ts'
import { authenticatePeople } from './people.ts'

// The server of the story, a process of its own so that it can be killed. Its parent's end is its end.

const [database, demoDatabase] = process.argv.slice(2)
if (!database || !demoDatabase || !process.send) throw new Error('This program is started by the demo.')

const demo = demoAgents({ database: demoDatabase, env: {} })
const server = createServer({
  agents: demo.agents,
  database: `file:${database}`,
  authenticate: authenticatePeople,
  logger: createLog('error'),
})
const { url, close } = await server.listen({ host: '127.0.0.1', port: 0 })
process.send({ url })

process.once('disconnect', async () => {
  await close()
  demo[Symbol.dispose]()
})
