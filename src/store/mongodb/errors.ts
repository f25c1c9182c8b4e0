import { MongoAPIError, MongoError, MongoNetworkError, MongoServerError, MongoWriteConcernError } from 'mongodb'
import { CountersignError, isUnavailable } from '../../errors.ts'

// Codes of the server that mean something of their own here; https://www.mongodb.com/docs/manual/reference/error-codes/
export const unauthorized = 13
export const authenticationFailed = 18
export const namespaceExists = 48
export const commandNotFound = 59
/** MaxTimeMSExpired */
export const timeExceeded = 50
/** IndexOptionsConflict, IndexKeySpecsConflict */
export const indexConflicts = [85, 86]
export const noSuchTransaction = 251
export const duplicateKey = 11000
/** A validator refused it. */
const documentValidationFailure = 121
const tooLarge = [10334, 17280, 17419, 17420]

/** 0 for what did not come from the server; a bulk write's error has no code where the connection was lost. */
export const codeOf = (error: unknown): number => (error instanceof MongoServerError ? Number(error.code ?? 0) : 0)

/**
 * What the port promises: STORE_CONFLICT for an id or a place that is taken, STORE_UNAVAILABLE for what may pass. A
 * mistake in the caller's program, or a document too large for MongoDB, stays what it is: trying again will not help.
 */
export function storeError(error: unknown): unknown {
  if (isSocketError(error)) return unavailable(error, error)
  if (!(error instanceof MongoError)) return error
  const cause = withoutData(error)
  const code = codeOf(error)
  if (code === duplicateKey) {
    return new CountersignError('STORE_CONFLICT', 'The database refused: an id or a place is taken.', { cause })
  }
  if (tooLarge.includes(code)) return cause
  if (error instanceof MongoAPIError && !isAway(error)) return error
  return unavailable(error, cause)
}

/** Whether a write that failed so may stand all the same: of few failures it is certain that it does not. */
export const mayStand = (error: unknown): boolean =>
  isUnavailable(storeError(error)) && codeOf(error) !== documentValidationFailure

const unavailable = (error: unknown, cause: Error) =>
  new CountersignError('STORE_UNAVAILABLE', `The database did not do it: ${reasonOf(error)}.`, { cause })

/** The driver lets by what a socket says that is written to just when the other side ends it. */
const isSocketError = (error: unknown): error is Error =>
  error instanceof Error &&
  'code' in error &&
  /^(EPIPE|ECONN\w+|ERR_(STREAM|SOCKET)_\w+)$/.test(String(error.code)) &&
  !(error instanceof MongoError)

/** To the driver it is a mistake to ask a client that is closed, or that lost its server. */
const isAway = ({ name }: MongoAPIError) =>
  /^Mongo(NotConnected|ClientClosed|TopologyClosed|ServerClosed|ExpiredSession)Error$/.test(name)

/** In a few words that hold nothing of the data. */
export function reasonOf(error: unknown): string {
  if (isSocketError(error)) return connectionLost
  if (!(error instanceof MongoError)) return 'unknown'
  if (error instanceof MongoWriteConcernError) return 'no majority has confirmed it in time'
  if (error instanceof MongoServerError && codeOf(error)) return error.codeName ?? `its error ${error.code}`
  if (error instanceof MongoServerError || error instanceof MongoNetworkError) return connectionLost
  return reasons[error.name] ?? error.name
}

const connectionLost = 'the connection was lost'
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
