import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'
import { type TestServer, testServer } from '../support/test-server.ts'

const eventBytes = 30_000
const events = 1_300
/** What the kernel keeps for both ends of a connection on loopback, our own high water and some snapshots. */
const boundedBytes = 12 * 1024 * 1024

const bulky = defineAgent({
  name: 'bulky',
  model: scriptedModel([[{ call: 'erase', input: { text: 'x'.repeat(eventBytes) } }], [{ text: 'Done.' }]]),
  tools: { erase: tool({ inputSchema: z.object({ text: z.string() }), approval: 'required', execute: () => null }) },
})

const query = `subscription { pendingApprovals(first: 10) {
  __typename ... on PendingApprovalsSnapshot { reason approvals { id arguments } } ... on PendingApprovalAdded { approval { id arguments } } } }`

/** A client that can stop taking bytes off its TCP socket. */
type Reader = {
  pause(): void
  resume(): void
  /** How many bytes it has taken. */
  bytes(): number
  /** Resolves once this has been among what it took since it was called. */
  until(text: string): Promise<void>
  close(): void
}

function reader(stop: Pick<Reader, 'pause' | 'resume' | 'close'>): Reader & { take(chunk: string): void } {
  let bytes = 0
  let look = (_: string) => {}
  return {
    ...stop,
    bytes: () => bytes,
    take(chunk) {
      bytes += chunk.length
      look(chunk)
    },
    until: (text) =>
      new Promise((resolve) => {
        let tail = ''
        look = (chunk) => {
          tail += chunk
          if (tail.includes(text)) resolve()
          tail = tail.slice(-text.length)
        }
      }),
  }
}

async function overWebSocket(endpoint: string): Promise<Reader> {
  const socket = new WebSocket(endpoint.replace('http', 'ws'), 'graphql-transport-ws')
  const reading = reader({
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close: () => socket.terminate(),
  })
  await once(socket, 'open')
  socket.on('message', (data) => reading.take(String(data)))
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: 'Bearer approver-1' } }))
  await reading.until('connection_ack')
  socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query } }))
  await reading.until('INITIAL')
  return reading
}

async function overSse(endpoint: string): Promise<Reader> {
  const headers = {
    authorization: 'Bearer approver-1',
    'content-type': 'application/json',
    accept: 'text/event-stream',
  }
  const asking = request(endpoint, { method: 'POST', headers }).end(JSON.stringify({ query }))
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  const reading = reader({
    pause: () => response.pause(),
    resume: () => response.resume(),
    close: () => response.destroy(),
  })
  response.setEncoding('utf8').on('data', (chunk) => reading.take(chunk))
  await reading.until('INITIAL')
  return reading
}

test.each([
  ['WebSocket', overWebSocket],
  ['SSE', overSse],
])(
  'W3 over %s a client that stops reading costs bounded memory, harms nobody else and gets a RESYNC',
  async (_, open) => {
    await using api = await testServer({ agents: [bulky] })
    const slow = await open(api.endpoint)
    const other = await overWebSocket(api.endpoint)
    slow.pause()
    const taken = slow.bytes()
    await propose(api, events)
    await expect.poll(() => other.bytes(), { timeout: 20_000 }).toBeGreaterThan(events * eventBytes)

    const resynced = slow.until('RESYNC')
    slow.resume()
    await resynced
    expect(slow.bytes() - taken).toBeLessThan(boundedBytes)
    slow.close()
    other.close()
  },
)

async function propose(api: TestServer, count: number): Promise<void> {
  const requester = { id: 'requester-1', roles: ['REQUESTER'] } as const
  for (let done = 0; done < count; done += 32) {
    const some = Array.from({ length: Math.min(32, count - done) }, () =>
      api.server.runs.start(requester, { agentName: 'bulky', message: 'Go', waitMs: 20_000 }),
    )
    await Promise.all(some)
  }
}

test.each([
  ['WebSocket', overWebSocket],
  ['SSE', overSse],
])('over %s a client that goes away ends its subscription, also one that had stopped reading', async (_, open) => {
  await using api = await testServer({ agents: [bulky] })
  const subscriptions = () => api.server.liveSubscriptions
  const idle = await open(api.endpoint)
  const stuck = await open(api.endpoint)
  expect(subscriptions()).toBe(2)
  idle.close()
  await expect.poll(subscriptions).toBe(1)
  stuck.pause()
  await propose(api, 400)
  stuck.close()
  await expect.poll(subscriptions).toBe(0)
})
