import { beforeEach, expect, test } from 'vitest'
import type { AnyData } from '../support/client.ts'
import { logLines } from '../support/log-lines.ts'
import type { TestServer } from '../support/test-server.ts'
import {
  approvalsOf,
  callsOf,
  cancel,
  continueRun,
  decide,
  eventsOf,
  finished,
  listApprovals,
  person,
  readApproval,
  readRun,
  resolve,
  start,
} from './support/api.ts'
import * as documents from './support/documents.ts'
import { type SeeingClient, seeing } from './support/seen.ts'
import { agents, canary, card, given, payment, pin, ssn } from './support/sensitive-agents.ts'
import { forEachStore } from './support/stores.ts'

const hidden = '‹hidden›'
const shown = {
  to: 'Riley',
  ssn: hidden,
  card: { number: hidden, expires: '12/30' },
  cards: [
    { number: hidden, expires: '01/31' },
    { number: hidden, expires: '01/31' },
  ],
  pin: hidden,
  note: `It is for ${hidden}, the PIN is ${hidden}.`,
}
const reveal = /* GraphQL */ `
  mutation ($input: RevealArgumentInput!) {
    revealArgument(input: $input) {
      __typename
      ... on RevealArgumentSuccess { value approval { id revision } }
      ... on InvalidInputError { issues { path message } }
      ... on UserError { message }
    }
  }
`
const look = async (api: Pick<TestServer, 'data'>, approvalId: string, path: string[], as = 'approver-1', more = {}) =>
  (await api.data(reveal, { input: { approvalId, path, ...more } }, as)).revealArgument

const historyOf = (approval: AnyData) => approval.history.edges.map(({ node }: AnyData) => node)

beforeEach(() => given.splice(0))

forEachStore((store) => {
  /** A server whose answers and log are all kept. */
  async function watched() {
    const log = logLines()
    const api = await store.serve({ agents, logger: log.logger })
    const client: SeeingClient = seeing(api)
    const everything = () => [...client.seen, log.text()].join('\n')
    return { api, client, log, everything, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() }
  }

  test('a sensitive value is in no answer, event, error or log line, whatever is done with its call; model, tool and database have it', async () => {
    await using s = await watched()
    const { client } = s
    const streams = [
      client.subscribe(documents.pendingApprovals, {}, 'approver-1'),
      client.sse(documents.pendingApprovals, {}, 'approver-1'),
    ]
    for (const stream of streams) await stream.data()
    const begin = (message: string) => start(client, { message })

    // An edit: what is left hidden is as it was, what is written is checked, and what is wrong with it is not told.
    const gated = await begin('gated')
    const [asked] = approvalsOf(gated)
    expect(asked.arguments).toEqual(shown)
    expect(gated.requirements[0].toolCall.arguments).toEqual(shown)
    const edited = (change: object) => ({ decision: { approve: { arguments: { ...shown, ...change } } } })
    for (const [change, path] of [
      [{ ssn: 'wrong canary' }, 'ssn'],
      [{ ssn: 49_290_002 }, 'ssn'],
      [{ to: hidden }, 'to'],
      [{ to: `${hidden}!` }, 'to'],
      [{ cards: [shown.cards[0]] }, 'cards'],
      [{ cards: [{ ...shown.cards[0], expires: '02/31' }, shown.cards[1]] }, 'cards.0.number'],
    ] as const) {
      const refused = await resolve(client, asked.id, edited(change))
      expect(refused.__typename).toBe('InvalidInputError')
      expect(refused.issues[0].path.slice(2).join('.')).toMatch(new RegExp(`^${path}`))
    }
    const note = `${card.number} is mine`
    const decided = await decide(client, asked.id, { ...edited({ ssn: 'canary new', to: 'Ada' }), note })
    // That a hidden value was edited is seen, without the value.
    expect(decided.resolution).toMatchObject({ arguments: { ssn: hidden }, editedPaths: [['ssn'], ['to']] })
    expect(decided.resolution.fingerprint).toMatch(/^[0-9a-f]{64}$/)
    expect(decided.resolution.fingerprint).not.toBe(decided.fingerprint)
    expect((await resolve(client, asked.id)).__typename).toBe('ApprovalConflictError')
    await finished(client, gated.id)
    expect(given).toEqual([{ ...payment, ssn: 'canary new', to: 'Ada' }])

    // A tool that repeats them, in its result or its error; arguments that are none; a provider that quotes them.
    const thrown = callsOf(await finished(client, (await begin('throws')).id))[0]
    expect(thrown).toMatchObject({ status: 'FAILED', error: expect.stringMatching(/^Nobody has ‹hidden›: /) })
    const invalid = callsOf(await finished(client, (await begin('invalid')).id))
    expect(invalid.map(({ status }) => status)).toEqual(Array(4).fill('FAILED'))
    const failed = await readRun(client, (await begin('fails')).id)
    expect(failed).toMatchObject({ status: 'FAILED', error: { message: expect.stringMatching(/^400: .*‹hidden›/) } })

    // Pauses of other kinds, and what is answered before everything is said.
    const plain = await begin('plain')
    expect((await continueRun(client, plain.id)).__typename).toBe('AnswerRequiredError')
    const library = await s.api.server.runs.continue(person('requester-1'), { runId: plain.id })
    const [{ callId }] = plain.requirements
    await continueRun(client, plain.id, { answers: [{ callId, decision: { approve: {} } }] })
    const elsewhere = await begin('elsewhere')
    const outcome = { success: { result: { told: ssn, [card.number]: [pin] } } }
    await continueRun(client, elsewhere.id, {
      answers: [{ callId: elsewhere.requirements[0].callId, decision: { approve: { outcome } } }],
    })
    const [audit] = await listApprovals(client, { type: ['AUDIT'] })
    expect(audit).toMatchObject({ arguments: shown, resolution: { result: { told: hidden, [hidden]: [hidden] } } })

    const events = await eventsOf(client, elsewhere.id)
    expect(events.find(({ __typename }) => __typename === 'RunAnswered')).toMatchObject({
      by: { id: 'prn_requester-1' },
      answers: [{ status: 'APPROVED', values: null, result: { told: hidden, [hidden]: [hidden] } }],
    })

    // What people fill in.
    for (const message of ['fill', 'fill for approver']) {
      const run = await begin(message)
      const [{ callId, approval }] = run.requirements
      const say = (values: unknown): Promise<AnyData> =>
        approval === null
          ? continueRun(client, run.id, { answers: [{ callId, decision: { approve: { values } } }] })
          : resolve(client, approval.id, { decision: { approve: { values } } })
      for (const values of [{ ssn: 'wrong canary' }, { ssn: ['canary'] }, { ssn: hidden }, { ssn, to: 'canary' }])
        expect((await say(values)).__typename).toBe('InvalidInputError')
      if (approval !== null) expect((await continueRun(client, run.id)).__typename).toBe('ApprovalPendingError')
      await say({ ssn })
      const [call] = callsOf(await finished(client, run.id))
      expect(call).toMatchObject({ status: 'SUCCEEDED', arguments: { to: 'Riley', ssn: hidden } })
      expect(given.at(-1)).toEqual({ to: 'Riley', ssn })
    }

    // What is no input at all is not quoted either.
    const rejected = await begin('gated')
    const [{ id }] = approvalsOf(rejected)
    for (const decision of [
      { approve: { values: 'canary' } },
      { approve: { other: 1, arguments: { ssn: 'canary' } } },
      'canary',
    ]) {
      const { errors } = await client.graphql(
        documents.resolveApproval,
        { input: { approvalId: id, decision } },
        'approver-1',
      )
      expect(errors?.map(({ extensions }) => extensions.code)).toContain('BAD_USER_INPUT')
    }
    await decide(client, id, { decision: { reject: { message: `Not with ${ssn}` } }, note: `It was ${pin}` })
    await finished(client, rejected.id)
    const cancelled = await begin('gated')
    await cancel(client, cancelled.id)

    // All of it again, from the start, over both ways to watch.
    for (const { id } of [gated, rejected, cancelled, plain, failed]) {
      await eventsOf(client, id)
      await using events = client.sse(documents.runEvents, { runId: id }, 'admin-1')
      for (;;) if ((await events.next()).done) break
      await readRun(client, id)
    }
    await listApprovals(client, {})
    const { server } = s.api
    const records = await server.approvals.list(person('admin-1'), {})
    const one = await server.approvals.get(person('admin-1'), asked.id)
    const conflict = await server.approvals.resolve(person('approver-1'), { approvalId: id, decision: { approve: {} } })
    const pending = JSON.stringify([library, records.edges, one, conflict])
    expect(pending).toContain('AnswerRequiredError')
    for (const stream of streams) await stream.return()

    expect(s.everything()).toContain(hidden)
    expect(s.everything()).toContain('approval resolved')
    expect(`${s.everything()}${pending}`).not.toMatch(canary)
    await s.api.server.close()
    const record = await store.approvalRecord(s.api.database, asked.id)
    expect(JSON.parse(record.arguments)).toEqual(payment)
    expect(JSON.parse(record.resolution?.arguments ?? '')).toEqual({ ...payment, ssn: 'canary new', to: 'Ada' })
  })

  test('who may decide may look, and is on record before they see it; what was decided on the state before is refused', async () => {
    await using s = await watched()
    const { client, api } = s
    const run = await start(client, { message: 'gated' })
    const [{ id, fingerprint }] = approvalsOf(run)
    expect(await look(client, id, ['ssn'], 'requester-1')).toMatchObject({ __typename: 'ForbiddenError' })
    expect(await look(client, id, ['ssn'], 'auditor-1')).toMatchObject({ __typename: 'ForbiddenError' })
    expect(await look(client, id, ['ssn'], 'requester-2')).toMatchObject({ __typename: 'NotFoundError' })
    expect(await look(client, id, ['ssn'], 'approver-1@two')).toMatchObject({ __typename: 'NotFoundError' })
    for (const path of [['to'], ['card'], ['nothing'], ['cards', '2', 'number'], ['__proto__'], []])
      expect(await look(client, id, path)).toMatchObject({
        __typename: 'InvalidInputError',
        issues: [{ path: ['path'] }],
      })
    expect(await readApproval(client, id)).toMatchObject({ revision: 1, arguments: shown })

    const seen = [
      await look(api, id, ['ssn']),
      await look(api, id, ['cards', '1', 'number'], 'admin-1'),
      await look(api, id, ['note']),
    ]
    expect(seen.map(({ value }) => value)).toEqual([ssn, 'canary-4929-3', payment.note])
    const revealed = (by: string, revision: number, note: string) => ({
      action: 'REVEALED',
      by: { id: by },
      revision,
      note,
    })
    expect(historyOf(await readApproval(client, id)).slice(1)).toMatchObject([
      revealed('prn_approver-1', 2, 'ssn'),
      revealed('prn_admin-1', 3, 'cards.1.number'),
      revealed('prn_approver-1', 4, 'note'),
    ])

    expect(await resolve(client, id, { expectedRevision: 1 })).toMatchObject({ __typename: 'ApprovalConflictError' })
    const decision = { approve: { arguments: { ...shown, ssn: 'canary new' } } }
    await decide(client, id, { expectedFingerprint: fingerprint, expectedRevision: 4, decision })
    await finished(client, run.id)
    expect(given).toEqual([{ ...payment, ssn: 'canary new' }])
    expect(await look(api, id, ['ssn'])).toMatchObject({ value: 'canary new', approval: { revision: 6 } })
    expect(await look(api, id, ['ssn'], 'approver-1', { proposed: true })).toMatchObject({ value: ssn })
    const { edges } = await api.server.approvals.list(person('approver-1'), {})
    const found = await api.server.approvals.reveal(person('approver-1'), {
      approvalId: edges[0]?.node.id ?? '',
      path: ['pin'],
    })
    expect(found).toMatchObject({ __typename: 'RevealArgumentSuccess', value: pin, approval: { revision: 8 } })
    expect(s.everything()).not.toMatch(canary)
  })
})
