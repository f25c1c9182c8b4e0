import type { Logger } from 'pino'
import { principalId } from '../ids.ts'
import type { Identity, SignIn } from './authenticate.ts'
import type { Principal } from './principal.ts'

/** Printable ASCII without blanks: what else may stand in a header, programs read in different ways, and then it would be somebody else. */
const pattern = /^[!-~]{1,250}$/

/**
 * Whoever signed in, as the person for whom they say that they ask; the roles stay those of who signed in. What is not clear is refused:
 * nobody shall believe to act for somebody and do it in their own name, nor the reverse.
 *
 * @param given What came as `Acting-For`; null when nothing did.
 */
export function actingFor(identity: Identity, given: unknown): SignIn {
  const { by, principal } = identity
  if (by.kind !== 'key' || !by.actsForOthers)
    return given === null ? { identity } : unclear('Acting-For is for API keys that were made to act for others.')
  if (given === null) return unclear('This key acts for others: say for whom, as Acting-For: prn_…')
  if (typeof given !== 'string' || !pattern.test(given) || /^(prn_)?key_/.test(given))
    return unclear('Acting-For takes the id of one person: prn_… in ASCII, without blanks.')
  return {
    identity: { ...identity, principal: { ...principal, id: principalId(given), name: null, actor: principal.id } },
  }
}

/** @param message At most 123 bytes, for the reason that a WebSocket is closed with. */
export const unclear = (message: string): SignIn => ({ refused: 'ACTING_FOR', message })

/** Beside the records, which have it too. */
export function logActor(
  { log }: { readonly log: Logger },
  { id, actor }: Principal,
  what: Readonly<Record<string, string>>,
): void {
  if (actor !== undefined) log.info({ ...what, principal: id, actor }, 'done for somebody')
}
