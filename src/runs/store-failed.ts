import { isNewer, isUnavailable } from '../errors.ts'
import { LeaseLost, StoreFailed } from './lease.ts'

/**
 * What was asked of the store, its failure told from a mistake of ours.
 *
 * @throws StoreFailed; LeaseLost, what passes (STORE_UNAVAILABLE) and what a newer program wrote (UNSUPPORTED_VERSION) as they are.
 */
export async function fromStore<Result>(asked: Promise<Result>): Promise<Result> {
  try {
    return await asked
  } catch (cause) {
    if (cause instanceof LeaseLost || isUnavailable(cause) || isNewer(cause)) throw cause
    throw new StoreFailed('The database failed, and not for a while only.', { cause })
  }
}
