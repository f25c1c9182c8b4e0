import fc from 'fast-check'
import { isObjectType } from 'graphql'
import { expect, test } from 'vitest'
import { schema } from '../../src/graphql/schema.ts'
import type { Answer } from '../support/client.ts'
import { type TestServer, testServer } from '../support/test-server.ts'
import { agents, authenticate, fillTenant, markOf, names, whatThereIs } from './marked-tenant.ts'
import { documentOf, type Pool, type RandomDocument } from './random-document.ts'

// No way through the graph leads to another tenant: documents that the schema allows are made at random, and asked with the ids and cursors of
// both tenants. SQLite alone: what is read by an id, and what an object leads to, is asked about above the store.

const documents = 400
// The same documents each time; another seed makes others.
const { DOCUMENT_SEED = '20261126', DOCUMENT_PATH } = process.env

/** The answer to a document; of a run's events all that are sure to come, of other subscriptions the first. */
async function ask(api: TestServer, { kind, text, given }: RandomDocument, token: string, lastSeqs: LastSeqs) {
  if (kind !== 'subscription') return [await api.graphql(text, {}, token)]
  await using events = api.sse(text, {}, token)
  const sure = (lastSeqs.get(JSON.parse(given.runId ?? '""')) ?? 1) - Number(given.after ?? 0)
  const answers: Answer[] = []
  for await (const answer of events) if (answers.push(answer) >= sure || answer.errors) break
  return answers
}
/** How far each run's journal is at least. */
type LastSeqs = ReadonlyMap<string, number>

/** Whether this holds an id of these: but for a session's, which everybody may call as they like. */
function holds(ids: ReadonlySet<string>, value: unknown): boolean {
  if (typeof value === 'string') return ids.has(value)
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([name, inner]) => !name.startsWith('sessionId') && holds(ids, inner))
}

test('no field leads to another tenant, whoever asks, and whatever with', { timeout: 300_000 }, async () => {
  await using api = await testServer({ agents, authenticate, logLevel: 'silent' })
  const ours = await fillTenant(api, 'one')
  const theirs = await fillTenant(api, 'two')
  const pool: Pool = {
    ids: [...names.map((name) => `prn_${name}`), 'agt_agent', 'agt_within', ...ours.ids, ...theirs.ids],
    texts: ['agent', 'erase', ...ours.cursors, ...theirs.cursors],
    // No more than the shortest journal of a run that waits: after that nothing would come.
    numbers: [3, 1, 2, 3, 1, 2, 0],
  }
  const theirIds = new Set(theirs.ids)
  const lastSeqs = new Map([...ours.lastSeqs, ...theirs.lastSeqs])
  const answered = new Set<string>()
  let withOurMark = 0

  const property = fc.asyncProperty(
    fc.array(fc.nat(9_999), { maxLength: 400, size: 'max' }),
    async ([who = 0, ...numbers]) => {
      const document = documentOf(schema, pool, numbers)
      const token = `${names[who % names.length]}.one`
      const answers = await ask(api, document, token, lastSeqs)
      const text = JSON.stringify(answers)
      const told = `As ${token}:\n${document.text}\n`
      if (
        text.includes(markOf('two')) ||
        holds(
          theirIds,
          answers.map(({ data }) => data),
        )
      )
        throw new Error(`${told}has what is another tenant's:\n${text}`)
      if (text.includes('INTERNAL_SERVER_ERROR')) throw new Error(`${told}fails:\n${text}`)
      if (text.includes(markOf('one'))) withOurMark += 1
      for (const { data } of answers) collectFields(data, answered)
    },
  )
  const tried = await fc.check(property, {
    numRuns: documents,
    seed: Number(DOCUMENT_SEED),
    ...(DOCUMENT_PATH && { path: DOCUMENT_PATH }),
    interruptAfterTimeLimit: 240_000,
    markInterruptAsFailure: true,
  })
  if (tried.failed) {
    const again = `DOCUMENT_SEED=${tried.seed} DOCUMENT_PATH=${tried.counterexamplePath}`
    const why = tried.errorInstance instanceof Error ? tried.errorInstance.message : 'It took too long.'
    throw new Error(`${why}\n\nTo see it again: ${again} npx vitest run test/access/tenants.test.ts`)
  }

  expect((await whatThereIs(api, 'two')).found).toEqual(theirs.found)
  if (DOCUMENT_PATH !== undefined) return
  // Else they have asked for nothing.
  expect(withOurMark).toBeGreaterThan(documents / 20)
  expect(fieldsOfWhatIsKept().filter((field) => !answered.has(field)).length).toBeLessThan(6)
})

/** The fields that an answer has, as `Run.message`. */
function collectFields(data: unknown, into: Set<string>): void {
  if (typeof data !== 'object' || data === null) return
  const typename = '__typename' in data ? data.__typename : undefined
  for (const [name, value] of Object.entries(data)) {
    if (typename !== undefined) into.add(`${typename}.${name.replace(/_\d+$/, '')}`)
    collectFields(value, into)
  }
}

const kept = ['Run', 'ToolCall', 'Approval', 'Resolution', 'ApprovalChange', 'Principal', 'Viewer']
const fieldsOfWhatIsKept = () =>
  kept.flatMap((name) => {
    const type = schema.getType(name)
    return isObjectType(type) ? Object.keys(type.getFields()).map((field) => `${name}.${field}`) : []
  })
