import type { Logger } from 'pino'
import { z } from 'zod'
import { CountersignError } from '../errors.ts'
import { type KeyId, principalId } from '../ids.ts'
import { type KeyRecord, roles } from '../store/records.ts'
import type { KeyDatabase } from '../store/store.ts'
import { newApiKey } from './api-key.ts'
import type { Role } from './principal.ts'

/** What a key is made of. */
export type NewKey = {
  /** For people: of what holds the key. */
  readonly name: string
  readonly tenant: string
  readonly roles: readonly Role[]
  /** Whom it makes its bearer, with or without `prn_`; the key's own principal when left out. */
  readonly principal?: string | undefined
  /** Whether its bearer says for whom they ask, with each request. Default false. */
  readonly actsForOthers?: boolean | undefined
  /** In ms; for ever when left out. */
  readonly expiresIn?: number | undefined
}

/** `token` is the key itself, which is kept nowhere. */
export type MadeKey = { readonly key: KeyRecord; readonly token: string }

const shape = z.object({
  name: z.string().trim().min(1, 'name: must not be empty').max(200, 'name: has at most 200 characters'),
  tenant: z.string().min(1, 'tenant: must not be empty').max(200, 'tenant: has at most 200 characters'),
  roles: z.array(z.enum(roles)).min(1, 'role: give at least one'),
})

/**
 * Makes a key and keeps its hash.
 *
 * @throws CountersignError INVALID_CONFIGURATION that says what is wrong with `input`, INVALID_PRINCIPAL for an id that is none.
 */
export async function createKey(database: KeyDatabase, log: Logger, input: NewKey): Promise<MadeKey> {
  const parsed = shape.safeParse(input)
  if (!parsed.success) {
    const wrong = parsed.error.issues.map(({ message }) => message).join('; ')
    throw new CountersignError('INVALID_CONFIGURATION', `No key was made. ${wrong}.`)
  }
  const { name, tenant } = parsed.data
  const { token, ...made } = newApiKey()
  const createdAt = database.now()
  const key: KeyRecord = {
    ...made,
    tenant,
    principal: principalId(input.principal ?? made.id),
    name,
    roles: [...new Set(parsed.data.roles)],
    createdAt,
    createdBy: null,
    expiresAt: input.expiresIn === undefined ? null : createdAt + input.expiresIn,
    revokedAt: null,
    lastUsedAt: null,
    actsForOthers: input.actsForOthers === true,
  }
  await database.keys.put(key)
  log.info(told('createKey', key), 'API key created')
  return { key, token }
}

/** Ends a key, for good: one that was over before stays as it is. Null when there is none of this id. */
export async function revokeKey(
  database: KeyDatabase,
  log: Logger,
  id: KeyId,
): Promise<{ readonly key: KeyRecord; readonly wasRevoked: boolean } | null> {
  const now = database.now()
  const key = await database.keys.revoke(id, now)
  if (key === null) return null
  const wasRevoked = key.revokedAt !== now
  if (!wasRevoked) log.info(told('revokeKey', key), 'API key revoked')
  return { key, wasRevoked }
}

export type KeyState = 'active' | 'expired' | 'revoked'

export function keyState({ revokedAt, expiresAt }: KeyRecord, now: number): KeyState {
  if (revokedAt !== null) return 'revoked'
  return expiresAt !== null && expiresAt <= now ? 'expired' : 'active'
}

/** What a log may say of a key. Whoever has the command line is no principal. */
const told = (operation: string, { id, name, tenant, roles, principal, actsForOthers, expiresAt }: KeyRecord) => ({
  ...{ operation, requestId: null, principal: null, tenant },
  key: {
    id,
    name,
    tenant,
    roles,
    principal,
    actsForOthers,
    expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
  },
})
