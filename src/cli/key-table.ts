import { keyState } from '../access/keys.ts'
import type { KeyRecord } from '../store/records.ts'

const time = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())

/** A key for programs: without its hash, which nobody needs. */
export function publicKey(key: KeyRecord, now: number) {
  const { hash: _, createdAt, expiresAt, revokedAt, lastUsedAt, ...rest } = key
  return {
    ...rest,
    state: keyState(key, now),
    createdAt: time(createdAt),
    expiresAt: time(expiresAt),
    revokedAt: time(revokedAt),
    lastUsedAt: time(lastUsedAt),
  }
}

/** Whoever named it may have meant to draw on this terminal. */
const plain = (text: string) => text.replace(/\p{C}/gu, '�')

/** Keys for people, a line each. */
export function keyTable(keys: readonly KeyRecord[], now: number): string {
  const minute = (ms: number | null) => time(ms)?.slice(0, 16) ?? '-'
  const rows = keys.map((key) => [
    key.id,
    keyState(key, now),
    key.tenant,
    key.roles.join(','),
    minute(key.createdAt),
    minute(key.expiresAt),
    minute(key.lastUsedAt),
    key.actsForOthers ? `${key.principal} for others` : key.principal,
    key.name,
  ])
  const all = [['ID', 'STATE', 'TENANT', 'ROLES', 'CREATED', 'EXPIRES', 'LAST USED', 'PRINCIPAL', 'NAME'], ...rows]
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? []
  return all
    .map((row) =>
      row
        .map((cell, column) => plain(cell).padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
