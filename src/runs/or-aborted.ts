/** The work, or the signal's reason as soon as it aborts: for what may ignore the signal it was given. */
export async function orAborted<Result>(work: PromiseLike<Result> | Result, signal: AbortSignal): Promise<Result> {
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
