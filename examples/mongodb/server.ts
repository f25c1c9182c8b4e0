import { createServer } from 'countersign'
import { shop } from '../agents.ts'

// One of any number of server processes on one database: PORT=4001 DATABASE_URL=mongodb://… npx node --conditions=countersign-source examples/mongodb/server.ts

const { PORT = '0', DATABASE_URL } = process.env
if (!DATABASE_URL) throw new Error('Set DATABASE_URL, such as mongodb://127.0.0.1:27017/countersign')

const server = createServer({ agents: [shop], database: DATABASE_URL })
const { url } = await server.listen({ port: Number(PORT) })
console.log(`listening at ${url}`)
process.once('SIGTERM', () => server.close().then(() => process.exit(0)))
