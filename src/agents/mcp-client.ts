import { z } from 'zod'
import { CountersignError } from '../errors.ts'
import { longestTimer } from './duration.ts'

/**
 * What is asked of an MCP client: a connected `Client` of `@modelcontextprotocol/sdk`, or an object with this method that, say, connects anew
 * when the server has gone.
 */
export type McpClient = {
  // `request`, because it is the same in the 1.x and 2.x clients. `callTool` differs; that of 1.x also throws away a result that does not fit its
  // outputSchema, when the call has run. The schema is typed as never: clients want the type of their own version of zod, and any takes this one.
  request(
    request: { method: string; params: { [name: string]: unknown } },
    resultSchema: never,
    options: { signal?: AbortSignal; timeout?: number },
  ): Promise<unknown>
}

/** A tool as an MCP server lists it. What it says of itself is the server's word, and may be wrong. */
export type ListedTool = z.infer<typeof listedTool>

const listedTool = z.looseObject({
  name: z.string(),
  title: z.string().optional(),
  description: z.string().optional(),
  inputSchema: z.looseObject({ type: z.literal('object') }),
  outputSchema: z.looseObject({}).optional(),
  annotations: z.looseObject({ readOnlyHint: z.unknown(), destructiveHint: z.unknown() }).partial().optional(),
  execution: z.looseObject({ taskSupport: z.unknown() }).partial().optional(),
})
const page = z.looseObject({ tools: z.array(listedTool), nextCursor: z.string().optional() })

const mostPages = 100

/**
 * All tools of a server, page by page.
 *
 * @throws CountersignError INVALID_DEFINITION when the list cannot be read, names a tool twice or has more than 100 pages; else what the client throws.
 */
export async function listTools(client: McpClient): Promise<ListedTool[]> {
  const tools = new Map<string, ListedTool>()
  let cursor: string | undefined
  for (let count = 0; count < mostPages; count += 1) {
    const given = await ask(client, 'tools/list', cursor === undefined ? {} : { cursor }, {})
    const { data, error } = page.safeParse(given)
    if (error) throw invalid(`The MCP server's list of tools cannot be read: ${z.prettifyError(error)}`)
    for (const tool of data.tools) {
      if (tools.has(tool.name)) throw invalid(`The MCP server lists two tools named '${tool.name}'.`)
      tools.set(tool.name, tool)
    }
    if (data.nextCursor === undefined) return [...tools.values()]
    cursor = data.nextCursor
  }
  throw invalid(`The MCP server's list of tools does not end: it has more than ${mostPages} pages.`)
}

/**
 * Calls a tool of a server; gives its answer as it came.
 *
 * @throws Error that says whether it is known that the call did nothing.
 */
export async function callTool(
  client: McpClient,
  call: { readonly name: string; readonly input: object; readonly toolCallId: string },
  signal: AbortSignal | undefined,
): Promise<unknown> {
  // MCP has no idempotency key of its own; `_meta` is where it wants what it does not know.
  const params = { name: call.name, arguments: call.input, _meta: { 'countersign/toolCallId': call.toolCallId } }
  try {
    // The tool's own timeout ends the call through the signal: the client's must not come before it.
    return await ask(client, 'tools/call', params, { signal, timeout: longestTimer })
  } catch (error) {
    if (isAnswer(error)) throw error
    const reason: unknown = signal?.aborted ? signal.reason : error
    const why = reason instanceof Error ? reason.message : String(reason)
    throw new Error(`The MCP server did not answer (${why}). Whether the call took effect is not known.`, {
      cause: error,
    })
  }
}

const ask = (client: McpClient, method: string, params: object, options: Parameters<McpClient['request']>[2]) =>
  client.request({ method, params: { ...params } }, z.unknown() as never, options)

/** ConnectionClosed and RequestTimeout: the client's own errors among JSON-RPC's codes, which are below zero. */
const unanswered = [-32000, -32001]
const isAnswer = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  typeof error.code === 'number' &&
  error.code < 0 &&
  !unanswered.includes(error.code)

const invalid = (message: string) => new CountersignError('INVALID_DEFINITION', message)
