import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { type Gate, openGate } from '../behaviours/support/gate.ts'
import { type Effect, type McpServerSettings, mcpServer } from './mcp-server.ts'
import { temporaryDirectory } from './temporary.ts'

/** A real MCP server and a client that is connected to it. Both end with their scope. */
export type Mcp = AsyncDisposable & {
  readonly client: Client
  readonly gate: Gate
  /** The calls that reached the server, in order. */
  effects(): Effect[]
  /** Ends the server as a crash does, and waits until the client can know. */
  kill(): Promise<void>
}
export type McpSettings = Omit<McpServerSettings, 'effects' | 'gate'>
export type Connect = (settings: McpSettings) => Promise<Mcp>

type Connected = Pick<Mcp, 'client' | 'kill'>

const connected =
  (open: (settings: McpServerSettings, stack: AsyncDisposableStack) => Promise<Connected>): Connect =>
  async (settings) => {
    await using stack = new AsyncDisposableStack()
    const gate = stack.use(await openGate())
    const path = join(stack.use(temporaryDirectory()).path, 'effects')
    writeFileSync(path, '')
    const opened = await open({ ...settings, effects: path, gate: gate.url }, stack)
    const owned = stack.move()
    return {
      ...opened,
      gate,
      effects: () =>
        readFileSync(path, 'utf8')
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line)),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    }
  }

const newClient = () => new Client({ name: 'test', version: '1.0.0' })

/** In a process of its own. */
export const overStdio = connected(async (settings, stack) => {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [join(import.meta.dirname, 'mcp-server.ts'), JSON.stringify(settings)],
  })
  const client = newClient()
  stack.defer(() => client.close())
  await client.connect(transport)
  const closed = Promise.withResolvers<void>()
  client.onclose = closed.resolve
  return {
    client,
    kill: async () => {
      process.kill(transport.pid ?? 0, 'SIGKILL')
      await closed.promise
    },
  }
})

/** On a free port of loopback. */
export const overHttp = connected(async (settings, stack) => {
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: randomUUID })
  const server = mcpServer(settings)
  await server.connect(transport)
  const http = createServer((request, response) => void transport.handleRequest(request, response))
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const kill = async () => {
    if (!http.listening) return
    http.close()
    http.closeAllConnections()
    await once(http, 'close')
  }
  stack.defer(() => server.close())
  stack.defer(kill)
  const client = newClient()
  stack.defer(() => client.close())
  const { port } = http.address() as AddressInfo
  await client.connect(new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${port}/mcp`)))
  return { client, kill }
})
