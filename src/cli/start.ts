import { Command } from 'commander'
import { type Config, readConfig, variableNames } from '../server/config.ts'
import { describeDatabase } from '../server/database.ts'
import { createLog } from '../server/log.ts'
import { isLoopback } from '../server/loopback.ts'
import { misspeltVariables } from '../server/misspelt-variables.ts'
import { createServer, type Server } from '../server/server.ts'
import { type LoadedAgents, loadAgents } from './agents.ts'
import { stop } from './fail.ts'
import { firstStepsOf, firstStepsOfDemo } from './first-steps.ts'

/** Serves until it is told to end. */
export const startCommand = (): Command =>
  new Command('start')
    .description('start the server')
    .showHelpAfterError("Settings are environment variables: 'countersign start --help' names them.")
    .addHelpText(
      'after',
      `\nSettings are environment variables, told of in docs/configuration.md:\n  ${variableNames.join('\n  ')}`,
    )
    .action(start)

async function start(): Promise<void> {
  for (const { given, meant } of misspeltVariables(process.env))
    console.error(`countersign: ${given} is not read: is ${meant} meant?`)
  const read = readConfig(process.env)
  if ('mistakes' in read) return stop(read.mistakes)
  const { config } = read
  const loaded = await loadAgents(config)
  const server = createServer({
    agents: loaded.agents,
    database: config.database,
    jwt: config.jwt ?? undefined,
    apiKeys: config.API_KEYS,
    allowedOrigins: config.ALLOWED_ORIGINS,
    introspection: config.INTROSPECTION,
    graphiql: config.GRAPHIQL,
    rateLimits: {
      startRunPerMinute: config.START_RUN_PER_MINUTE,
      failedSignInsPerMinute: config.FAILED_SIGN_INS_PER_MINUTE,
    },
    allowSelfApproval: config.ALLOW_SELF_APPROVAL,
    leaseMs: config.LEASE_MS,
    maxConcurrentRuns: config.MAX_CONCURRENT_RUNS,
    limits: { message: config.MAX_MESSAGE_BYTES },
    graceMs: config.GRACE_MS,
    logger: createLog(config.LOG_LEVEL),
  })
  endOnSignal(server, loaded)
  const { url } = await server.listen({ port: config.PORT, host: config.HOST })
  const isShown = config.GRAPHIQL ?? isLoopback(config.HOST)
  const access = accessNotice(server, config)
  console.log(notice(url, isShown, server.open, access, describeDatabase(config.database.url), loaded))
}

/** The first signal lets what is under way finish, the second ends at once. */
function endOnSignal(server: Server, agents: LoadedAgents): void {
  let ending = false
  const end = async (signal: NodeJS.Signals) => {
    if (ending) process.exit(signal === 'SIGINT' ? 130 : 143)
    ending = true
    await server.close()
    agents[Symbol.dispose]()
    process.exit(0)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, end)
}

const accessNotice = ({ open }: Server, { jwt }: Config) =>
  open
    ? 'OPEN: no authentication. Everyone on this machine has all rights and may approve their own requests.'
    : jwt === null
      ? 'by API keys (countersign keys create)'
      : `by API keys, and JWTs of ${jwt.issuer}`

function notice(
  url: string,
  graphiql: boolean,
  open: boolean,
  access: string,
  database: string,
  { agents, models, demoDatabase }: LoadedAgents,
): string {
  const key = `start-${Date.now().toString(36)}`
  const [first] = agents
  const steps =
    demoDatabase !== null
      ? firstStepsOfDemo(demoDatabase, key, { scripted: first?.model.modelId === 'scripted', open })
      : first
        ? firstStepsOf(first, key)
        : []
  return `
Countersign at ${url}
  GraphQL    ${url}/graphql (${graphiql ? 'in a browser: GraphiQL; ' : ''}subscriptions over SSE and WebSocket too)
  Access     ${access}
  Database   ${database}${demoDatabase === null ? '' : `, the demo's users and orders in ${demoDatabase}`}
  Model      ${models.join('; ')}

Paste these into GraphiQL, one after the other${open ? '' : ', with {"authorization": "Bearer <key or token>"} under Headers'}:
${steps.map(({ what, operation }, index) => `\n# ${index + 1}. ${what}\n${operation}`).join('\n')}
`
}
