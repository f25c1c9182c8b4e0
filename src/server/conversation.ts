import { type ExecutionResult, GraphQLError } from 'graphql'
import { CloseCode, MessageType, parseMessage, type SubscribeMessage, type SubscribePayload } from 'graphql-ws'
import { isAsyncIterable } from 'graphql-yoga'

/** A client's socket. */
export type Peer = {
  /** Resolves when it may be sent more. */
  send(text: string): Promise<void>
  close(closure: Closure): void
}

/** One operation of somebody who is signed in. What it throws is the operation's own `error` message. */
export type Execute = (payload: SubscribePayload) => Promise<ExecutionResult | AsyncIterable<ExecutionResult>>

/** Why a socket is closed. */
export type Closure = { readonly code: number; readonly reason: string }

export type InitPayload = Readonly<Record<string, unknown>>

export type ConversationParts = {
  /** Asked once, and let go then: with it goes the request that asked for the socket. */
  readonly admit: (payload: InitPayload) => Promise<Execute | Closure>
  /** Whatever was thrown, as it may leave the server. */
  readonly errorsOf: (thrown: unknown) => readonly GraphQLError[]
  /**
   * Why the socket is to be left, once nothing is open on it; null while all goes on. A subscription that ends then is not complete: of what is complete
   * no client thinks that it goes on elsewhere.
   */
  readonly leaving: () => Closure | null
  /** How long a client has to say who it is, in ms. */
  readonly initTimeoutMs: number
}

export type Conversation = {
  /** Resolves when there is nothing more to do for this message: for a subscription, when it is over. */
  receive(text: string): Promise<void>
  /** Ends its operations, and hears nothing more. */
  end(): void
  /** The same, and tells the client why. */
  close(closure: Closure): void
}

/** Operations of any kind. */
const maxOperations = 100
/** With those that their client has completed and that still go on: a mutation is not broken off in the middle. */
const maxUnderWay = 2 * maxOperations

/**
 * One client's part of GraphQL over WebSocket, by the rules of https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md. Not by `makeServer` of
 * graphql-ws: it knows an operation by its id alone, and so gave the result of one that its client had completed to the next of that id, and ended that.
 */
export function converse(peer: Peer, parts: ConversationParts): Conversation {
  type Operation = { results?: AsyncIterator<ExecutionResult> }
  const open = new Map<string, Operation>()
  let underWay = 0
  let ended = false
  const { errorsOf, leaving, initTimeoutMs } = parts
  let admit: ConversationParts['admit'] | null = parts.admit
  let execute: Execute | null = null
  const initTimeout = setTimeout(() => {
    close({ code: CloseCode.ConnectionInitialisationTimeout, reason: 'Connection initialisation timeout' })
  }, initTimeoutMs)

  const tell = (message: object) => peer.send(JSON.stringify(message))

  function close(closure: Closure) {
    if (ended) return
    end()
    peer.close(closure)
  }

  function end() {
    ended = true
    clearTimeout(initTimeout)
    for (const id of open.keys()) stop(id)
  }

  function stop(id: string) {
    const operation = open.get(id)
    open.delete(id)
    operation?.results?.return?.().catch(() => {})
  }

  async function initialise(payload: InitPayload) {
    if (admit === null)
      return close({ code: CloseCode.TooManyInitialisationRequests, reason: 'Too many initialisation requests' })
    const asking = admit(payload)
    admit = null
    clearTimeout(initTimeout)
    const admitted = await asking
    if (typeof admitted !== 'function') return close(admitted)
    if (ended) return
    execute = admitted
    await tell({ type: MessageType.ConnectionAck })
  }

  async function run({ id, payload }: SubscribeMessage) {
    if (execute === null) return close({ code: CloseCode.Unauthorized, reason: 'Unauthorized' })
    if (open.has(id)) return close({ code: CloseCode.SubscriberAlreadyExists, reason: alreadyExists(id) })
    if (open.size >= maxOperations || underWay >= maxUnderWay)
      return tell({ id, type: MessageType.Error, payload: errorsOf(tooMany()) })
    const operation: Operation = {}
    open.set(id, operation)
    underWay += 1
    const isOpen = () => open.get(id) === operation
    const next = async (result: ExecutionResult) => {
      if (isOpen()) await tell({ id, type: MessageType.Next, payload: result })
    }
    // The id is free before the client hears of it.
    const finish = async (message: object | null) => {
      if (!isOpen()) return
      open.delete(id)
      if (message !== null) await tell({ id, ...message })
      const closure = leaving()
      if (closure !== null && open.size === 0) close(closure)
    }
    try {
      const result = await execute(payload)
      if (isAsyncIterable(result)) {
        const results = result[Symbol.asyncIterator]()
        if (!isOpen()) return void (await results.return?.())
        operation.results = results
        // In a function of its own: a loop here would keep each result until the next one, as long as a console is idle.
        const step = async () => {
          const { done, value } = await results.next()
          if (!done) await next(value)
          return !done
        }
        while (await step());
      } else await next(result)
      const goesOn = isAsyncIterable(result) && leaving() !== null
      await finish(goesOn ? null : { type: MessageType.Complete })
    } catch (thrown) {
      await finish({ type: MessageType.Error, payload: errorsOf(thrown) })
    } finally {
      underWay -= 1
    }
  }

  return {
    async receive(text) {
      if (ended) return
      const message = parsed(text)
      switch (message?.type) {
        case MessageType.ConnectionInit:
          return initialise(message.payload ?? {})
        case MessageType.Ping:
          return tell({ type: MessageType.Pong, payload: message.payload })
        case MessageType.Pong:
          return
        case MessageType.Subscribe:
          return run(message)
        case MessageType.Complete:
          return stop(message.id)
        default:
          close({ code: CloseCode.BadRequest, reason: 'Invalid message received' })
      }
    },
    end,
    close,
  }
}

function parsed(text: string) {
  try {
    return parseMessage(text)
  } catch {
    return null
  }
}

/** The reason of a closure has at most 123 bytes: RFC 6455, 5.5. */
function alreadyExists(id: string): string {
  const reason = `Subscriber for ${id} already exists`
  return Buffer.byteLength(reason) <= 123 ? reason : 'Subscriber already exists'
}

const tooMany = () =>
  new GraphQLError(`More than ${maxOperations} operations are open on this socket: complete some first.`, {
    extensions: { code: 'RATE_LIMITED' },
  })
