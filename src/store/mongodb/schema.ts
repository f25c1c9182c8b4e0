import type { Collection, Db, Document, IndexDescription } from 'mongodb'
import { CountersignError } from '../../errors.ts'
import { approvalStatuses, roles, runStatuses } from '../records.ts'
import { type Collections, v } from './documents.ts'
import { codeOf, namespaceExists } from './errors.ts'
import { dueIndex, indexes } from './indexes.ts'

/** Raised when older programs could no longer read what this one writes. */
export const schemaVersion = 1

const prefixPattern = /^(?!system\.)[a-z_][a-z0-9_]{0,39}$|^$/i

/**
 * Makes the collections with their validators and indexes, or finds them there; any number of processes may do so at once.
 *
 * @throws CountersignError UNSUPPORTED_VERSION for collections of a newer program, INVALID_CONFIGURATION for a prefix that is no name.
 */
export async function prepareSchema(db: Db, prefix: string): Promise<void> {
  if (!prefixPattern.test(prefix)) {
    throw new CountersignError(
      'INVALID_CONFIGURATION',
      'A collection prefix has up to 40 letters, digits and underscores and begins with no digit.',
    )
  }
  await checkVersion(db, prefix)
  const present = new Map((await db.listCollections().toArray()).map((found) => [found.name, found]))
  await Promise.all(
    Object.entries(validators).map(async ([kind, schema]) => {
      const name = `${prefix}${kind}`
      const validator = { $jsonSchema: schema }
      await prepareCollection(db, name, validator, present.get(name))
      const wanted = indexes[kind as keyof Collections]
      await prepareIndexes(db.collection(name), wanted)
    }),
  )
}

/** What is there is left alone: a server need not have the right to make any. */
async function prepareIndexes(collection: Collection, wanted: readonly IndexDescription[]): Promise<void> {
  const present = await collection.indexes()
  const isThere = ({ name, key }: IndexDescription) =>
    present.some((one) => one.name === name && JSON.stringify(one.key) === JSON.stringify(key))
  const missing = wanted.filter((one) => !isThere(one))
  if (missing.length === 0) return
  // What was pending when approvals got this field; once, for it takes a look at all of them.
  if (missing.some(({ name }) => name === dueIndex))
    await collection.updateMany({ status: 'PENDING', due: { $exists: false } }, [{ $set: { due: '$expiresAt' } }])
  await collection.createIndexes(missing)
}

/** In a collection of its own, so that several installations can share a database by their prefixes. */
async function checkVersion(db: Db, prefix: string): Promise<void> {
  const marks = db.collection<{ _id: string; version: number }>(`${prefix}countersign`)
  const upsert = { upsert: true, returnDocument: 'after' } as const
  const ask = () => marks.findOneAndUpdate({ _id: 'format' }, { $setOnInsert: { version: schemaVersion } }, upsert)
  // Of several that are the first at the same instant, those who did not write it may be told of none.
  const found = ((await ask()) ?? (await ask()))?.version
  if (found === schemaVersion) return
  throw new CountersignError(
    'UNSUPPORTED_VERSION',
    `The database ${db.databaseName} was made by ${Number(found) > schemaVersion ? 'a newer' : 'another'} version of Countersign (format ${found}, this one reads ${schemaVersion}). Use that version, or another database.`,
  )
}

async function prepareCollection(db: Db, name: string, validator: Document, present: Document | undefined) {
  // 'moderate': a document that did not fit before may still be changed.
  const options = { validator, validationLevel: 'moderate' } as const
  if (present === undefined) {
    try {
      await db.createCollection(name, options)
      return
    } catch (error) {
      // Another process was quicker, and made it as this one would have.
      if (codeOf(error) !== namespaceExists) throw error
    }
  } else if (JSON.stringify(present.options?.validator) !== JSON.stringify(validator)) {
    await db.command({ collMod: name, ...options })
  }
}

const text = { bsonType: 'string' }
const textOrNull = { bsonType: ['string', 'null'] }
const number = { bsonType: 'number' }
const date = { bsonType: 'date' }
const dateOrNull = { bsonType: ['date', 'null'] }
const bool = { bsonType: 'bool' }
const objectOrNull = { bsonType: ['object', 'null'] }

/** `later` are those that a later version put there: a program that knows nothing of them may be writing beside this one. */
const schema = (properties: Record<string, Document>, later: Record<string, Document> = {}) => ({
  bsonType: 'object',
  required: Object.keys(properties),
  properties: { ...properties, ...later },
})

/** What no document may lack, whoever writes it. A later format brings its own `v`, and its own validator. */
const validators: Readonly<Record<keyof Collections, Document>> = {
  runs: schema({
    _id: { bsonType: 'string', pattern: '^run_[0-9a-f]{32}$' },
    v: { bsonType: 'number', minimum: v },
    tenant: text,
    agentName: text,
    sessionId: text,
    requestedBy: text,
    status: { enum: [...runStatuses] },
    createdAt: date,
    updatedAt: date,
    seq: number,
    fence: number,
    signals: number,
    lease: objectOrNull,
    due: dateOrNull,
    wake: dateOrNull,
    cancelRequested: objectOrNull,
  }),
  journal: schema({ runId: text, seq: number, text }),
  approvals: schema(
    {
      _id: { bsonType: 'string', pattern: '^apr_[0-9a-f]{32}_' },
      v: { bsonType: 'number', minimum: v },
      tenant: text,
      runId: text,
      callId: text,
      agentName: text,
      toolName: text,
      requestedBy: text,
      arguments: text,
      fingerprint: text,
      status: { enum: [...approvalStatuses] },
      revision: { bsonType: 'number', minimum: 1 },
      createdAt: date,
      updatedAt: date,
      expiresAt: dateOrNull,
      unheard: bool,
      resolution: objectOrNull,
      history: { bsonType: 'array', minItems: 1 },
    },
    { due: dateOrNull, remindAt: { bsonType: 'array', items: date } },
  ),
  sessions: schema({ _id: text, owner: text }),
  principals: schema({ _id: text, tenant: text, id: text, name: textOrNull }),
  keys: schema({
    _id: { bsonType: 'string', pattern: '^key_[0-9a-f]{16}$' },
    tenant: text,
    principal: text,
    name: text,
    roles: { bsonType: 'array', minItems: 1, items: { enum: [...roles] } },
    hash: { bsonType: 'string', pattern: '^[0-9a-f]{64}$' },
    createdAt: date,
    createdBy: textOrNull,
    expiresAt: dateOrNull,
    revokedAt: dateOrNull,
    lastUsedAt: dateOrNull,
  }),
}
