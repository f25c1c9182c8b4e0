import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { AnyData, Client } from '../support/client.ts'
import { spawnServer } from '../support/spawn-server.ts'
import { allPending, followPending, pendingDocument } from './support/pending-client.ts'
import { forEachStore } from './support/stores.ts'

const warm = 100
/** More than a consumer may fall behind. */
const changes = 1_200
/** Each event has the same 4 KB this often: 360 KB, and 430 MB for all of them. */
const copies = 90
const bounded = 200 * 1024 * 1024

const bulkyDocument = `subscription {
  pendingApprovals(first: 10) {
    __typename
    ... on PendingApprovalsSnapshot { reason approvals { id } }
    ... on PendingApprovalAdded { approval { id ${Array.from({ length: copies }, (_, n) => `a${n}: arguments`).join(' ')} } }
  }
}`

/** A WebSocket over a TCP socket that this test can stop reading. */
async function slowSubscriber(client: Client) {
  const { hostname, port } = new URL(client.url)
  const tcp: Socket = connectTcp(Number(port), hostname)
  const socket = new WebSocket(client.endpoint.replace('http', 'ws'), 'graphql-transport-ws', {
    createConnection: () => tcp,
    perMessageDeflate: false,
  })
  const events: AnyData[] = []
  let arrived = () => {}
  const until = async (holds: (event: AnyData) => boolean) => {
    while (!events.some(holds)) {
      await new Promise<void>((resolve) => {
        arrived = resolve
      })
    }
  }
  await once(socket, 'open')
  socket.on('message', (data) => {
    const { type, payload } = JSON.parse(String(data))
    events.push(type === 'next' ? payload.data.pendingApprovals : { type })
    arrived()
  })
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: 'Bearer approver-1' } }))
  await until(({ type }) => type === 'connection_ack')
  socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: bulkyDocument } }))
  await until(({ reason }) => reason === 'INITIAL')
  return { tcp, events, until, [Symbol.dispose]: () => socket.terminate() }
}

/** In bytes, of all that the process has in memory: now, or the most there ever was (VmHWM). */
const memoryOf = (pid: number, field: 'VmRSS' | 'VmHWM') =>
  Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024

const startBulky = `mutation ($input: StartRunInput!) { startRun(input: $input) { __typename } }`
/** That one run asks for at once. */
const callsOfRun = 20

async function propose(client: Client, count: number): Promise<void> {
  const input = { agentName: 'bulky', message: 'Go.' }
  let left = count / callsOfRun
  const worker = async () => {
    while (left > 0) {
      left -= 1
      await client.data(startBulky, { input }, 'requester-1')
    }
  }
  await Promise.all(Array.from({ length: 8 }, worker))
}

forEachStore(({ database }) => {
  test('W3 a consumer that stops reading costs bounded memory, harms nobody else, and gets a RESYNC when it reads again', {
    timeout: 90_000,
  }, async () => {
    await using db = database()
    await using server = await spawnServer({
      database: db.url,
      agents: join(import.meta.dirname, 'support/held-agents.ts'),
      authenticated: true,
    })
    using slow = await slowSubscriber(server)
    const other = followPending(server.subscribe(pendingDocument, { first: 10 }, 'approver-1'))
    await expect.poll(() => other.snapshots).toEqual(['INITIAL'])
    const told = () => Object.keys(other.known()).length
    // Everything is warm, and the slow one has read its share, before memory is looked at.
    await propose(server, warm)
    await expect.poll(told, { timeout: 30_000 }).toBe(warm)
    await slow.until(() => slow.events.length > warm / 2)
    const before = memoryOf(server.pid, 'VmRSS')

    slow.tcp.pause()
    const read = slow.events.length
    await propose(server, changes)
    await expect.poll(told, { timeout: 60_000 }).toBe(warm + changes)
    expect(memoryOf(server.pid, 'VmHWM') - before).toBeLessThan(bounded)
    expect(slow.events.length - read).toBeLessThan(100)
    // The other one had every change, in time: nothing was dropped for it, and it has what the server has.
    expect(other.snapshots).toEqual(['INITIAL'])
    expect(other.known()).toEqual(await allPending(server))

    slow.tcp.resume()
    await slow.until(({ reason }) => reason === 'RESYNC')
    const resync = slow.events.find(({ reason }) => reason === 'RESYNC')
    expect(resync.approvals).toHaveLength(10)
    expect(slow.events.length).toBeLessThan(changes / 2)
    // And from there on it is told of changes again.
    await propose(server, callsOfRun)
    const newest = Object.keys(await expectKnown()).at(-1)
    await slow.until(({ approval }) => approval?.id === newest)

    async function expectKnown() {
      await expect.poll(told, { timeout: 30_000 }).toBe(warm + changes + callsOfRun)
      return other.known()
    }
  })
})
