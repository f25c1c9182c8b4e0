import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { type KeyId, newKeyId } from '../ids.ts'

// A key is ck_<id>_<secret><checksum>, in hex: 64, 256 and 32 bits. The prefix is for scanners of leaked secrets, the id for finding
// the record, and the checksum, a CRC-32 of all before it, for telling a key from a mistake without asking the database.

const pattern = /^(ck_([0-9a-f]{16})_[0-9a-f]{64})([0-9a-f]{8})$/

/** Whether a token is meant to be an API key; whether it is one, {@link keyIdOf} says. */
export const isMeantAsKey = (token: string): boolean => token.startsWith('ck_')

/** A new key. The token is to be shown once and forgotten. */
export function newApiKey(): { readonly id: KeyId; readonly token: string; readonly hash: string } {
  const id = newKeyId()
  const unchecked = `ck_${id.slice('key_'.length)}_${randomBytes(32).toString('hex')}`
  const token = unchecked + checksum(unchecked)
  return { id, token, hash: hash('sha256', token) }
}

/** The id in a key; null when it is not whole. That there is such a key is not said. */
export function keyIdOf(token: string): KeyId | null {
  const [, unchecked = '', id, sum] = pattern.exec(token) ?? []
  return id !== undefined && sum === checksum(unchecked) ? (`key_${id}` as KeyId) : null
}

/** Whether this is the key of that hash; how much of it is right does not show in the time it takes. */
export function isKeyOf(token: string, hashed: string): boolean {
  const expected = Buffer.from(hashed, 'hex')
  const found = hash('sha256', token, 'buffer')
  return expected.length === found.length && timingSafeEqual(expected, found)
}

const checksum = (text: string) => crc32(text).toString(16).padStart(8, '0')
