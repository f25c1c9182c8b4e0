import { z } from 'zod'
import { CountersignError } from '../errors.ts'
import { type PrincipalId, principalId } from '../ids.ts'
import { doerOf, type Role, roles } from '../store/records.ts'

export { type Role, roles }

/** Who asks, as authentication found it. Everything they see and do stays inside `tenant`. */
export type Principal = {
  readonly id: PrincipalId
  readonly name: string | null
  readonly tenant: string
  readonly roles: readonly Role[]
  /** The service that asks for this principal; missing when they ask themselves. */
  readonly actor?: PrincipalId
}

/** Who did something, and through which service, as it is recorded. */
export type DoneBy = { readonly by: PrincipalId; readonly actor?: PrincipalId }
export const doneBy = ({ id, actor }: Principal): DoneBy => doerOf({ by: id, actor })

/** What an `authenticate` function gives: the id may come without its `prn_` prefix; tenant is 'default' when left out. */
export type PrincipalInput = {
  readonly id: string
  readonly name?: string | null
  readonly tenant?: string
  readonly roles: readonly Role[]
  /** The service that asks for them, if they do not ask themselves: records and the log say so, and it does not decide what it requested in its own name either. */
  readonly actor?: string | null
  /** When this identity ends: a subscription that lives longer is ended with a reason. */
  readonly expiresAt?: Date
}

/** A misspelt `tenant` must not make somebody one of the tenant 'default'. */
const shape = z.strictObject({
  id: z.string().min(1),
  name: z.string().max(200).nullish(),
  tenant: z.string().min(1).max(200).default('default'),
  roles: z.array(z.enum(roles)),
  actor: z.string().min(1).nullish(),
  // An invalid one is never past: whoever has it would stay for ever.
  expiresAt: z.date().nullish(),
})

/**
 * Checks and completes what an `authenticate` function gave.
 *
 * @throws CountersignError INVALID_PRINCIPAL that says what is wrong with it.
 */
export function parsePrincipal(input: PrincipalInput): Principal {
  const parsed = shape.safeParse(input)
  if (!parsed.success) {
    throw new CountersignError('INVALID_PRINCIPAL', `Not a principal: ${z.prettifyError(parsed.error)}`)
  }
  const { id, name, tenant, roles, actor } = parsed.data
  const principal = { id: principalId(id), name: name ?? null, tenant, roles }
  return actor == null ? principal : { ...principal, actor: principalId(actor) }
}
