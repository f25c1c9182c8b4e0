import { MongoAPIError, MongoError, MongoNetworkError, MongoServerError } from 'mongodb'
import { CountersignError } from '../../errors.ts'

// Codes of the server that mean something of their own here; https://www.mongodb.com/docs/manual/reference/error-codes/
export const unauthorized = 13
export const authenticationFailed = 18
export const namespaceExists = 48
export const duplicateKey = 11000
const tooLarge = [10334, 17280]

export const codeOf = (error: unknown): number => (error instanceof MongoServerError ? Number(error.code) : 0)

/**
 * What the port promises: STORE_CONFLICT for an id or a place that is taken, STORE_UNAVAILABLE for what may pass. A
 * mistake in the caller's program, or a document too large for MongoDB, stays what it is: trying again will not help.
 */
export function storeError(error: unknown): unknown {
  if (!(error instanceof MongoError)) return error
  const cause = withoutData(error)
  const code = codeOf(error)
  if (code === duplicateKey) {
    return new CountersignError('STORE_CONFLICT', 'The database refused: an id or a place is taken.', { cause })
  }
  if (tooLarge.includes(code)) return cause
  if (error instanceof MongoAPIError && !isAway(error)) return error
  return new CountersignError('STORE_UNAVAILABLE', `The database did not do it: ${reasonOf(error)}.`, { cause })
}

/** To the driver it is a mistake to ask a client that is closed, or that lost its server. */
const isAway = ({ name }: MongoAPIError) =>
  /^Mongo(NotConnected|ClientClosed|TopologyClosed|ServerClosed|ExpiredSession)Error$/.test(name)

/** In a few words that hold nothing of the data. */
export function reasonOf(error: unknown): string {
  if (error instanceof MongoServerError) return error.codeName ?? `its error ${error.code}`
  if (!(error instanceof MongoError)) return 'unknown'
  if (error instanceof MongoNetworkError) return 'the connection was lost'
  return reasons[error.name] ?? error.name
}

const reasons: Readonly<Record<string, string>> = {
  MongoServerSelectionError: 'no server can be reached that takes writes',
  MongoWaitQueueTimeoutError: 'all connections are busy',
  MongoNotConnectedError: 'it is not connected',
  MongoClientClosedError: 'the store is closed',
}

/** The server's errors quote documents, the driver's hold them: neither may reach a log. */
function withoutData(error: MongoError): Error {
  const { name, code, errorLabels } = error
  const told = new Error(error instanceof MongoServerError ? reasonOf(error) : error.message)
  // The place it was thrown at, without the message that heads the stack.
  const frames = error.stack?.slice(error.stack.indexOf('\n    at ')) ?? ''
  return Object.assign(told, { name, code, errorLabels, stack: `${name}: ${told.message}${frames}` })
}

export const closedError = () => new CountersignError('STORE_UNAVAILABLE', 'The store is closed.')
