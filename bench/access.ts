import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { generateKeyPair } from 'jose'
import { pino } from 'pino'
import { type Access, openAccess } from '../src/access/access.ts'
import { newApiKey } from '../src/access/api-key.ts'
import { createKey } from '../src/access/keys.ts'
import { openStore } from '../src/server/database.ts'
import { jwtShape } from '../src/server/jwt-options.ts'
import { identityProvider } from '../test/support/identity-provider.ts'
import type { Bench } from './bench.ts'
import { type Figure, median } from './figure.ts'

const log = pino({ level: 'silent' })
const request = new Request('http://localhost/graphql')
const rounds = 5
/** Requests side by side. */
const atOnce = 32

/** What it costs to find out who asks, or that nobody does; the CPU of all threads, and of SQLite where it is asked. */
export async function accessFigures(bench: Bench): Promise<Figure[]> {
  await using provider = await identityProvider('ES256', 'RS256')
  await using store = await openStore(bench.newDatabase())
  using access = await openAccess({ apiKeys: true, jwt: jwtShape.parse(provider.options) }, store, log)
  const made = await createKey(store, log, { name: 'bench', tenant: 'acme', roles: ['REQUESTER'] })
  const [es256, rs256] = [await provider.token({}, { alg: 'ES256' }), await provider.token({}, { alg: 'RS256' })]
  // With this the provider's keys are there.
  await access.identify(es256, request, null)
  const forged = es256.replace(/.{8}$/, 'AAAAAAAA')
  const cost = (name: string, most: number | null, isKnown: boolean, tokenOf: () => string) =>
    figure(access, bench, name, most, isKnown, tokenOf)
  const check = await verifying()
  return [
    await cost('sign-in by a known key', 0.1, true, () => made.token),
    await cost('refusing a key that is not whole', 0.2, false, () => `${made.token.slice(0, -1)}g`),
    await cost('refusing a wrong key of a known id', 0.2, false, () => wrongSecret(made.token)),
    await cost('refusing a whole key of an unknown id, a new one each time', 0.2, false, () => newApiKey().token),
    await cost('refusing what is no token', 0.2, false, () => 'x'.repeat(9_000)),
    await cost('refusing a JWT of a forged signature (ES256)', null, false, () => forged),
    await cost('refusing a JWT of a forged signature (RS256)', 0.2, false, () => rs256.replace(/.{8}$/, 'AAAAAAAA')),
    {
      name: 'access: checking an ES256 signature alone, CPU',
      value: check,
      unit: 'ms',
      note: 'of it a forged ES256 token costs most',
    },
    await cost('sign-in by a JWT (ES256)', null, true, () => es256),
    await cost('sign-in by a JWT (RS256)', null, true, () => rs256),
  ]
}

async function figure(
  access: Access,
  { load }: Bench,
  name: string,
  most: number | null,
  isKnown: boolean,
  tokenOf: () => string,
): Promise<Figure> {
  const count = Math.min(load.most, 4_000)
  const measured: number[] = []
  for (let round = -1; round < rounds; round += 1) {
    const tokens = Array.from({ length: count }, tokenOf)
    const before = process.cpuUsage()
    for (let start = 0; start < count; start += atOnce) {
      const signIns = tokens.slice(start, start + atOnce).map((token) => access.identify(token, request, null))
      for (const signIn of await Promise.all(signIns)) {
        if ('identity' in signIn !== isKnown) throw new Error(`${name}: ${JSON.stringify(signIn)}`)
      }
    }
    const { user, system } = process.cpuUsage(before)
    // The first is to warm up.
    if (round >= 0) measured.push((user + system) / 1_000 / count)
  }
  const bounds = most === null ? {} : { bound: { is: 'at most', value: most } as const, binds: true }
  return { name: `access: ${name}, CPU`, value: median(measured), unit: 'ms', rounds: measured, ...bounds }
}

/** A whole key with the id of this one. */
function wrongSecret(token: string): string {
  const unchecked = token.slice(0, 20) + randomBytes(32).toString('hex')
  return unchecked + crc32(unchecked).toString(16).padStart(8, '0')
}

/** What is left of a JWT's cost when all of our own is taken away. */
async function verifying(count = 2_048): Promise<number> {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const [algorithm, data] = [{ name: 'ECDSA', hash: 'SHA-256' }, Buffer.alloc(400)]
  const signature = await crypto.subtle.sign(algorithm, privateKey, data)
  const before = process.cpuUsage()
  for (let start = 0; start < count; start += atOnce) {
    await Promise.all(Array.from({ length: atOnce }, () => crypto.subtle.verify(algorithm, publicKey, signature, data)))
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000 / count
}
