import { pathToFileURL } from 'node:url'
import { createLog, type LogLevel } from '../../src/server/log.ts'
import { createServer } from '../../src/server/server.ts'
import { testPrincipals } from './principals.ts'

// A server process whose callers are told apart by their tokens, for spawnServer: node serve.ts <agents module>

const { PORT = '0', DATABASE_URL, LEASE_MS, GRACE_MS, MAX_CONCURRENT_RUNS, LOG_LEVEL = 'warn' } = process.env
const numberOf = (text: string | undefined) => (text === undefined ? undefined : Number(text))
const { agents } = await import(pathToFileURL(process.argv[2] ?? '').href)
const server = createServer({
  agents,
  database: DATABASE_URL,
  authenticate: testPrincipals,
  leaseMs: numberOf(LEASE_MS),
  graceMs: numberOf(GRACE_MS),
  maxConcurrentRuns: numberOf(MAX_CONCURRENT_RUNS),
  // Whoever kills servers on and on starts more runs than anybody else.
  rateLimits: { startRunPerMinute: 0 },
  logger: createLog(LOG_LEVEL as LogLevel),
})
const { url } = await server.listen({ port: Number(PORT) })
console.log(`Countersign at ${url}`)
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.once(signal, () => server.close().then(() => process.exit(0)))
