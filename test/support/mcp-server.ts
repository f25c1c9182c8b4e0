import { appendFileSync } from 'node:fs'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { CallToolRequestSchema, ErrorCode, ListToolsRequestSchema, McpError } from '@modelcontextprotocol/sdk/types.js'

// An MCP server with the tools that it is told to have. What they do follows from their names. Run by itself, it speaks over stdio.

export type McpServerSettings = {
  /** As they are listed. */
  readonly tools: readonly { readonly name: string; readonly [field: string]: unknown }[]
  /** All on one page when left out. */
  readonly pageSize?: number
  /** The list has no end. */
  readonly endless?: boolean
  /** A file to which each call is written, a line of JSON. */
  readonly effects: string
  /** Of `openGate`: `wait` waits there, and says there when it is told to stop. */
  readonly gate: string
}

/** A call as the server had it. */
export type Effect = { readonly tool: string; readonly arguments: unknown; readonly meta: unknown }

const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const text = (words: string) => ({ type: 'text', text: words })

/** What the tools of these names give; others give what they were called with, as text. */
const results: Record<string, object> = {
  fail: { content: [text('The disk is full.'), text('Try again.')], isError: true },
  fail_silently: { isError: true },
  weather: { content: [text('{"celsius": 21}')], structuredContent: { celsius: 21 } },
  forecast: { content: [text('It gets warmer.')], structuredContent: { celsius: [21, 22] } },
  measure: { structuredContent: { metres: 3 } },
  nothing: { content: [] },
  picture: { content: [text('A pixel.'), text(''), { type: 'image', data: pixel, mimeType: 'image/png' }] },
  drawing: { content: [{ type: 'image', data: 'PHN2Zy8+', mimeType: 'image/svg+xml' }] },
  song: { content: [text('A song.'), { type: 'audio', data: 'UklGRg==', mimeType: 'audio/wav' }] },
  files: {
    content: [
      { type: 'resource', resource: { uri: 'file:///a.txt', mimeType: 'text/plain', text: 'What is in a.' } },
      { type: 'resource', resource: { uri: 'file:///b.pdf', mimeType: 'application/pdf', blob: 'JVBERg==' } },
      { type: 'resource_link', uri: 'file:///c.txt', name: 'c' },
    ],
  },
}

export function mcpServer({
  tools,
  pageSize = tools.length,
  endless = false,
  effects,
  gate,
}: McpServerSettings): Server {
  const server = new Server({ name: 'test', version: '1.0.0' }, { capabilities: { tools: {} } })
  server.setRequestHandler(ListToolsRequestSchema, ({ params }) => {
    const from = Number(params?.cursor ?? 0)
    const page = tools.slice(from, from + pageSize)
    return { tools: page, ...((endless || from + pageSize < tools.length) && { nextCursor: `${from + pageSize}` }) }
  })
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal }) => {
    const { name: tool, arguments: given, _meta: meta } = params
    appendFileSync(effects, `${JSON.stringify({ tool, arguments: given, meta } satisfies Effect)}\n`)
    if (tool === 'refuse') throw new McpError(ErrorCode.InvalidParams, 'There is no such note.')
    if (tool === 'wait') {
      signal.addEventListener('abort', () => void fetch(`${gate}stopped`).catch(() => {}))
      await fetch(`${gate}wait`)
    }
    return results[tool] ?? { content: [text(`${tool} ${JSON.stringify(given)}`)] }
  })
  return server
}

if (import.meta.main) await mcpServer(JSON.parse(process.argv[2] ?? '')).connect(new StdioServerTransport())
