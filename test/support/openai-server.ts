import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setImmediate as nextTurn } from 'node:timers/promises'

/** How the server answers one request, and what it waits for before it does. */
export type Reply = Answer & { readonly after?: PromiseLike<unknown> }
type Answer =
  | {
      readonly text?: string
      readonly calls?: readonly { readonly id: string; readonly name: string; readonly arguments: string }[]
    }
  /** Text, and then an error object in the stream, as OpenAI sends it. */
  | { readonly text: string; readonly streamError: string }
  /** Text, and then the connection is broken (`reset`) or the stream ends without an end (`end`). */
  | { readonly text: string; readonly cut: 'reset' | 'end' }
  | { readonly status: number; readonly message: string; readonly retryAfter?: number }

export type ChatMessage = {
  readonly role: 'system' | 'developer' | 'user' | 'assistant' | 'tool'
  readonly content: unknown
  readonly tool_call_id?: string
  readonly tool_calls?: readonly {
    readonly id: string
    readonly type: 'function'
    readonly function: { name: string; arguments: string }
  }[]
}
export type ChatRequest = {
  readonly model: string
  readonly stream: boolean
  readonly messages: readonly ChatMessage[]
  readonly tools?: readonly {
    readonly type: 'function'
    readonly function: { name: string; description?: string; parameters: unknown }
  }[]
}

/**
 * A local server that speaks OpenAI's chat completions, streaming. It gives the replies in order, one a request, and records what it was
 * asked. A request too many is answered by 400, which no client tries again.
 */
export async function openAiServer(replies: readonly Reply[]) {
  const requests: ChatRequest[] = []
  const left = replies.values()
  const server = createServer(async (request, response) => {
    if (request.method !== 'POST' || request.url !== '/v1/chat/completions')
      return fail(response, { status: 404, message: `No ${request.url}` })
    requests.push(await readBody(request))
    const reply: Reply = left.next().value ?? { status: 400, message: `Request ${requests.length} was not expected.` }
    await reply.after
    if ('status' in reply) return fail(response, reply)
    await stream(response, reply)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    baseURL: `http://127.0.0.1:${port}/v1`,
    requests,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

const readBody = async (request: IncomingMessage): Promise<ChatRequest> => JSON.parse(await text(request))

function fail(response: ServerResponse, { status, message, retryAfter }: Extract<Answer, { status: number }>) {
  const headers = {
    'content-type': 'application/json',
    ...(retryAfter !== undefined && { 'retry-after': `${retryAfter}` }),
  }
  response
    .writeHead(status, headers)
    .end(JSON.stringify({ error: { message, type: 'error', param: null, code: null } }))
}

async function stream(response: ServerResponse, reply: Exclude<Answer, { status: number }>) {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const send = (data: unknown) => write(response, `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`)
  await send(chunk({ role: 'assistant', content: '' }))
  for (const piece of inPieces(reply.text ?? '', 4)) await send(chunk({ content: piece }))
  if ('streamError' in reply) {
    await send({ error: { message: reply.streamError, type: 'server_error', param: null, code: null } })
    return response.end()
  }
  if ('cut' in reply) return reply.cut === 'end' ? response.end() : response.destroy()
  const calls = 'calls' in reply ? (reply.calls ?? []) : []
  for (const [index, { id, name }] of calls.entries()) {
    await send(chunk({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] }))
  }
  for (const delta of interleaved(calls.map((call) => inPieces(call.arguments, 3))))
    await send(chunk({ tool_calls: [delta] }))
  await send(chunk({}, calls.length > 0 ? 'tool_calls' : 'stop'))
  await send({ ...chunk({}), choices: [], usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 } })
  await send('[DONE]')
  response.end()
}

/** Each event goes out in two writes: the reader finds events cut anywhere. */
async function write(response: ServerResponse, event: string) {
  const cut = Math.floor(event.length / 2)
  response.write(event.slice(0, cut))
  await nextTurn()
  response.write(event.slice(cut))
}

const chunk = (delta: object, finish: string | null = null) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1_750_000_000,
  model: 'local',
  choices: [{ index: 0, delta, finish_reason: finish }],
})

function inPieces(text: string, count: number): string[] {
  const size = Math.max(1, Math.ceil(text.length / count))
  return Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
    text.slice(index * size, (index + 1) * size),
  )
}

/** A piece of each call's arguments in turn, told apart by `index` alone, as the API has it. */
function* interleaved(calls: readonly (readonly string[])[]) {
  const longest = Math.max(0, ...calls.map((pieces) => pieces.length))
  for (let turn = 0; turn < longest; turn += 1) {
    for (const [index, pieces] of calls.entries()) {
      if (pieces[turn] !== undefined) yield { index, function: { arguments: pieces[turn] } }
    }
  }
}
