import { GraphQLError } from 'graphql'
import type { Logger } from 'pino'
import { CountersignError } from '../errors.ts'

/** How long a caller should wait before it tries again while the database cannot be reached. */
export const retryAfterMs = 1_000

export type ErrorEdge = {
  readonly requestId: string
  readonly log: Pick<Logger, 'error'>
  /** What was being done: the code of an error that brings none of its own. Default `execute`. */
  readonly phase?: 'parse' | 'validate' | 'execute'
}

/**
 * The one way out for errors, over every transport: gives each its `extensions.code`, and hides what nobody expected, after it is logged once
 * with its cause.
 */
export function toGraphQLError(error: unknown, { requestId, log, phase = 'execute' }: ErrorEdge): GraphQLError {
  const origin = originOf(error)
  if (origin instanceof CountersignError) {
    const known = extensionsOf(origin)
    if (known) return withExtensions(error, origin.message, known, origin)
  }
  if (origin instanceof GraphQLError) {
    const { code } = origin.extensions
    // graphql-js gives no codes. Without a path it speaks of the request, with one of an argument (it then points at it) or of our own answer.
    if (typeof code === 'string' || phase !== 'execute' || pathOf(error) === undefined || origin.locations) {
      return withExtensions(error, messageOf(error), { ...origin.extensions, code: code ?? codeOf[phase] }, origin)
    }
  }
  log.error({ err: origin, requestId, path: pathOf(error)?.join('.') }, 'unexpected error')
  const message = unreadableJournal(origin) ? unreadableMessage(origin) : 'Internal server error'
  return withExtensions(error, message, { code: 'INTERNAL_SERVER_ERROR', requestId })
}

/** What people are told of a run whose journal was changed, or written by a newer program. */
export const journalUnreadable = 'The journal of this run cannot be read.'
export const unreadableJournal = (error: unknown): error is CountersignError =>
  error instanceof CountersignError && (error.code === 'TAMPERED' || error.code === 'UNSUPPORTED_VERSION')

/** What a newer program wrote is named: whoever runs this one can mend it. */
const unreadableMessage = ({ code, message }: CountersignError) =>
  code === 'UNSUPPORTED_VERSION' ? message : journalUnreadable

const codeOf = { parse: 'GRAPHQL_PARSE_FAILED', validate: 'GRAPHQL_VALIDATION_FAILED', execute: 'BAD_USER_INPUT' }

/** What was thrown in the first place: graphql-js wraps it to say where it happened. */
function originOf(error: unknown): unknown {
  let origin = error
  while (origin instanceof GraphQLError && origin.originalError) origin = origin.originalError
  return origin
}

/** Null for what a caller cannot have caused. */
function extensionsOf(error: CountersignError): { code: string; retryAfterMs?: number } | null {
  const { code } = error
  switch (code) {
    case 'BAD_USER_INPUT':
    case 'NOT_FOUND':
      return { code }
    case 'INVALID_JSON':
      return { code: 'BAD_USER_INPUT' }
    case 'STORE_UNAVAILABLE':
    case 'IDENTITY_PROVIDER_UNAVAILABLE':
      return { code: 'UNAVAILABLE', retryAfterMs }
    case 'RATE_LIMITED':
      return { code, retryAfterMs: error.retryAfterMs ?? retryAfterMs }
    default:
      return null
  }
}

/** The error with its place in document and answer. What was thrown stays on it, out of the answer, unless it is hidden. */
function withExtensions(
  error: unknown,
  message: string,
  extensions: Record<string, unknown>,
  originalError?: Error,
): GraphQLError {
  const { nodes, source, positions, path } = error instanceof GraphQLError ? error : {}
  return new GraphQLError(message, { nodes, source, positions, path, extensions, originalError })
}

const pathOf = (error: unknown) => (error instanceof GraphQLError ? error.path : undefined)
const messageOf = (error: unknown) =>
  bounded(withoutQuote(withoutValue(error instanceof Error ? error.message : String(error), error)))

/** What a caller sent may be quoted, a name above all, and be as long as a request. */
const bounded = (message: string) => (message.length > 1_000 ? `${message.slice(0, 1_000).toWellFormed()}…` : message)

/** What a scalar, an enum or an input type says of a value that it does not take has the value in it. Each pattern passes but once over what the caller wrote. */
const withoutQuote = (message: string): string =>
  message
    .replace(/^(Expected value of type "[^"]+"), found .*$/s, '$1.')
    .replace(/\b(cannot represent (?:an? )?[\w -]{0,40}?value): .*$/s, '$1.')
    .replace(
      /^((?:Variable "\$\w+" got invalid value(?: at "[^"]*")?; )?)Value ".*" does not exist in ("\w+" enum)/s,
      '$1There is no such value in $2',
    )

/**
 * graphql-js says of a variable what was given for it, and then what is wrong: what was given may be sensitive, and the caller has it. Where
 * in the variable it stood stays.
 */
function withoutValue(message: string, error: unknown): string {
  const [start] = /^Variable "\$\w+" got invalid value/.exec(message) ?? []
  const reason = error instanceof GraphQLError ? error.originalError?.message : undefined
  if (start === undefined || reason === undefined || !message.endsWith(`; ${reason}`)) return message
  const [place = ''] = / at "\w+(?:\.\w+|\[\d+\])+"$/.exec(message.slice(0, -`; ${reason}`.length)) ?? []
  return `${start}${place}; ${reason}`
}
