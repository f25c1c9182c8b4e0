/** What went wrong, for programs: catch by code, never by message. */
export type ErrorCode =
  | 'INVALID_DEFINITION'
  | 'INVALID_CONFIGURATION'
  | 'INVALID_PRINCIPAL'
  | 'INVALID_JSON'
  | 'IDENTITY_PROVIDER_UNAVAILABLE'
  | 'STORE_UNAVAILABLE'
  | 'STORE_IN_USE'
  | 'STORE_CONFLICT'
  | 'UNSUPPORTED_VERSION'
  | 'TAMPERED'
  | 'NOT_PERMITTED'
  | 'BAD_USER_INPUT'
  | 'NOT_FOUND'
  | 'RATE_LIMITED'

/** The one base class of what this package throws on purpose. `code` is stable, `message` says what to do. */
export class CountersignError extends Error {
  readonly code: ErrorCode
  /** With RATE_LIMITED: how long to wait, in ms. */
  readonly retryAfterMs?: number

  constructor(code: ErrorCode, message: string, options?: ErrorOptions & { readonly retryAfterMs?: number }) {
    super(message, options)
    this.name = 'CountersignError'
    this.code = code
    if (options?.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs
  }
}

/** Whether this passes: what was asked did not answer, and may when it is asked again. */
export const isUnavailable = (error: unknown): boolean =>
  error instanceof CountersignError &&
  (error.code === 'STORE_UNAVAILABLE' || error.code === 'IDENTITY_PROVIDER_UNAVAILABLE')

/** Whether a newer program wrote what was read: it is that program's to go on with. */
export const isNewer = (error: unknown): boolean =>
  error instanceof CountersignError && error.code === 'UNSUPPORTED_VERSION'
