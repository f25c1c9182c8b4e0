import { once } from 'node:events'
import { WebSocket } from 'ws'
import { answer } from './child.ts'
import { monotonicMs } from './monotonic.ts'
import { watchPending } from './operations.ts'

// Many consoles in one process, each with a socket and a subscription of its own. No client library: its cost would be measured too.

type Console = { readonly socket: WebSocket; onEvent: (at: number) => void }

/** One principal may have 1,000 sockets. */
const consolesOfOne = 500
/** Of those that are not to come all at once. */
const handshakesAtOnce = 100
/** Events of some 50 KB, so that few of them fill what lies between server and client. */
const bulky = `subscription { pendingApprovals { ... on PendingApprovalAdded { approval {
  ${Array.from({ length: 100 }, (_, n) => `a${n}: inputSchema`).join(' ')} } } } }`

const consoles: Console[] = []

async function connect(url: string, query: string, index: number): Promise<Console> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
    perMessageDeflate: false,
  })
  const opened: Console = { socket, onEvent: () => {} }
  await once(socket, 'open')
  socket.on('message', (data: Buffer) => opened.onEvent(data.includes('"type":"next"') ? monotonicMs() : 0))
  const authorization = `Bearer approver-${Math.floor(index / consolesOfOne)}`
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } }))
  await new Promise<void>((resolve) => {
    opened.onEvent = () => resolve()
  })
  const first = nextOf(opened)
  socket.send(JSON.stringify({ type: 'subscribe', id: '1', payload: { query } }))
  await first
  return opened
}

const nextOf = (opened: Console) =>
  new Promise<number>((resolve, reject) => {
    opened.onEvent = (at) => (at > 0 ? resolve(at) : reject(new Error('A console was told something else')))
  })

let arrivals: Promise<number[]> = Promise.resolve([])

const handlers = {
  /** Resolves when each has its snapshot; gives how long that took, in ms. */
  async open(url: string, count: number, atOnce = handshakesAtOnce): Promise<number> {
    const began = monotonicMs()
    let begun = 0
    const loop = async () => {
      while (begun < count) consoles.push(await connect(url, watchPending, begun++))
    }
    await Promise.all(Array.from({ length: Math.min(atOnce, count) }, loop))
    return monotonicMs() - began
  },
  /** A console with large events that reads nothing more. */
  async openStalled(url: string): Promise<void> {
    const { socket } = await connect(url, bulky, 0)
    socket.pause()
  },
  /** From here on waits for the next event of each. */
  expectEvents() {
    arrivals = Promise.all(consoles.map(nextOf))
  },
  /** When each of them came. */
  arrivals: () => arrivals,
  async closeAll() {
    const closed = Promise.all(consoles.map(({ socket }) => once(socket, 'close')))
    for (const { socket } of consoles.splice(0)) socket.terminate()
    await closed
  },
}
export type ConsolesChild = typeof handlers

answer(handlers)
