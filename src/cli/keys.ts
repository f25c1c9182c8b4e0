import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { pino } from 'pino'
import { createKey, type NewKey, revokeKey } from '../access/keys.ts'
import { type Role, roles } from '../access/principal.ts'
import { milliseconds } from '../agents/duration.ts'
import type { Duration } from '../agents/tool.ts'
import { isKeyId } from '../ids.ts'
import { databasePath, describeDatabase, type NamedDatabase, openKeys } from '../server/database.ts'
import { readDatabase } from '../server/database-url.ts'
import { createLog } from '../server/log.ts'
import type { KeyRecord } from '../store/records.ts'
import type { KeyDatabase, KeyStore } from '../store/store.ts'
import { stop } from './fail.ts'
import { keyTable, publicKey } from './key-table.ts'

/** API keys, by which a server knows who asks; also while it runs. */
export const keysCommand = (): Command =>
  new Command('keys')
    .description('make, list and revoke API keys')
    .addCommand(create())
    .addCommand(list())
    .addCommand(revoke())

type CreateOptions = Omit<NewKey, 'roles'> & { readonly role: readonly Role[] }

const create = () =>
  new Command('create')
    .description('make a key and print it, this once')
    .requiredOption('--name <name>', 'what holds it, for people')
    .requiredOption('--role <role>', `${roles.join(', ')}; may be given several times`, toRoles)
    .requiredOption('--tenant <tenant>', 'all that it sees and does stays in there')
    .option('--expires-in <duration>', 'such as 90d or 12h; for ever when left out', toDuration)
    .option('--principal <id>', 'whom it makes its bearer; one of its own when left out')
    .option('--acts-for-others', 'its bearer is a service that says for whom it asks, with each request')
    .action(async ({ role, ...input }: CreateOptions) => {
      const named = namedDatabase()
      const isNew = isMissing(named.url)
      await using database = await openKeys(named)
      const { token } = await createKey(database, auditLog(), { ...input, roles: role })
      tellWhere(named, isNew)
      // The key alone on stdout, for who stores it by a program.
      console.log(token)
    })

const list = () =>
  new Command('list')
    .description('list all keys, also those that are over')
    .option('--json', 'as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      await using database = await opened()
      const keys = await allKeys(database.keys)
      const now = database.now()
      console.log(
        json
          ? JSON.stringify(
              keys.map((key) => publicKey(key, now)),
              null,
              2,
            )
          : keyTable(keys, now),
      )
    })

const revoke = () =>
  new Command('revoke')
    .description('end a key for good')
    .argument('<id>', 'such as key_0123456789abcdef, as `keys list` shows it')
    .action(async (id: string) => {
      if (!isKeyId(id))
        return stop(['A key is named by its id, such as key_0123456789abcdef: see `countersign keys list`.'])
      await using database = await opened()
      const revoked = await revokeKey(database, auditLog(), id)
      if (revoked === null) return stop([`There is no key ${id}: see \`countersign keys list\`.`])
      console.log(`${id} (${revoked.key.name}) is revoked${revoked.wasRevoked ? ' already' : ''}`)
    })

function toRoles(text: string, before: readonly Role[] = []): readonly Role[] {
  const role = roles.find((one) => one === text.toUpperCase())
  if (role === undefined) throw new InvalidArgumentError(`Roles are ${roles.join(', ')}.`)
  return [...before, role]
}

function toDuration(text: string): number {
  try {
    return milliseconds(text as Duration)
  } catch {
    throw new InvalidArgumentError('A duration is a number with s, m, h or d, such as 90d, up to 3650d.')
  }
}

function namedDatabase(): NamedDatabase {
  const read = readDatabase(process.env)
  return 'mistake' in read ? stop([read.mistake]) : read
}

async function opened(): Promise<KeyDatabase> {
  const named = namedDatabase()
  const { url } = named
  // Opening would make it, and then it would seem that there are no keys.
  if (isMissing(url))
    return stop([`There is no database ${placeOf(url)}: name the server's in DATABASE_URL, or go to its folder.`])
  const database = await openKeys(named)
  tellWhere(named)
  return database
}

/** On stderr, beside what is asked for: another folder has another database. */
const tellWhere = ({ url, prefix }: NamedDatabase, isNew = false) =>
  console.error(`Database ${placeOf(url)}${prefix ? `, prefix ${prefix}` : ''}${isNew ? ' (new)' : ''}`)

const isMissing = (url: string) => isFile(url) && !existsSync(placeOf(url))
const placeOf = (url: string) => (isFile(url) ? resolve(databasePath(url)) : describeDatabase(url))
const isFile = (url: string) => url.startsWith('file:')

/** On stderr, beside what is asked for. */
const auditLog = () => createLog('info', pino.destination({ dest: 2, sync: true }))

async function allKeys(keys: KeyStore, atOnce = 500): Promise<readonly KeyRecord[]> {
  const found = await keys.list(atOnce)
  for (let page = found; page.length === atOnce; found.push(...page)) page = await keys.list(atOnce, page.at(-1))
  return found
}
