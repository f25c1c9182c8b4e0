import { describe, expect, test } from 'vitest'
import type { AnyData } from '../support/client.ts'
import { mongodbIsOff } from '../support/mongodb-database.ts'
import { approvalsOf, callsOf, continueRun, decide, finished, readRun, start } from './support/api.ts'
import { inBatches } from './support/in-batches.ts'
import { sharedDatabase } from './support/servers.ts'
import { startAny } from './support/start-any.ts'

const succeeded = (answers: readonly AnyData[]) =>
  answers.filter(({ __typename }) => __typename === 'ContinueRunSuccess')

describe.skipIf(mongodbIsOff())('continuing and starting: two servers, one database', { timeout: 180_000 }, () => {
  test('C7 continueRun of an approved call at once on A and B, twenty times: it runs once', async () => {
    await using s = await sharedDatabase()
    const [a, b] = await s.spawnTwo()
    await inBatches(20, 4, async (round) => {
      const run = await start(round % 2 ? a : b, { message: 'erase:x', resumeMode: 'MANUAL' })
      const [{ id, callId }] = approvalsOf(run)
      await decide(b, id)
      const answers = await Promise.all([continueRun(a, run.id), continueRun(b, run.id)])
      expect(succeeded(answers).length).toBeGreaterThan(0)
      for (const { __typename, run: shown } of answers) {
        if (__typename === 'ContinueRunSuccess') expect(shown).toMatchObject({ id: run.id, status: 'COMPLETED' })
        else expect(__typename).toBe('RunStateError')
      }
      expect(await finished(a, run.id)).toMatchObject({ status: 'COMPLETED' })
      expect(s.begun().filter((made) => made === callId)).toHaveLength(1)
    })
    expect(s.begun()).toHaveLength(20)
  })

  test('C7 contrary answers at once on A and B, twenty times: one of them counts, and who gave it is told', async () => {
    await using s = await sharedDatabase()
    const [a, b] = await s.spawnTwo()
    await inBatches(20, 4, async (round) => {
      const run = await start(round % 2 ? a : b, { message: 'mail:x' })
      const [{ id: callId }] = callsOf(run)
      const answers = await Promise.all([
        continueRun(a, run.id, { answers: [{ callId, decision: { approve: {} } }] }),
        continueRun(b, run.id, { answers: [{ callId, decision: { reject: {} } }] }),
      ])
      expect(succeeded(answers)).toHaveLength(1)
      const approved = answers[0].__typename === 'ContinueRunSuccess'
      expect(answers[approved ? 1 : 0].__typename).toBe('RunStateError')
      expect(callsOf(await readRun(b, run.id))).toMatchObject([{ status: approved ? 'SUCCEEDED' : 'REJECTED' }])
      expect(s.begun().filter((made) => made === callId)).toHaveLength(approved ? 1 : 0)
    })
  })

  test('C5 answers for different calls at once on A and B, twenty times: both are kept, and the run goes on once', async () => {
    await using s = await sharedDatabase()
    const [a, b] = await s.spawnTwo()
    await inBatches(20, 4, async (round) => {
      const run = await start(round % 2 ? a : b, { message: 'mail:x mail:y' })
      const [x, y] = callsOf(run)
      const answers = await Promise.all([
        continueRun(a, run.id, { answers: [{ callId: x.id, decision: { approve: {} } }], waitMs: 0 }),
        continueRun(b, run.id, { answers: [{ callId: y.id, decision: { approve: {} } }], waitMs: 0 }),
      ])
      expect(answers.map(({ __typename }) => __typename)).toEqual(['ContinueRunSuccess', 'ContinueRunSuccess'])
      const over = await finished(b, run.id)
      expect(over).toMatchObject({ status: 'COMPLETED' })
      expect(
        s
          .begun()
          .filter((made) => [x.id, y.id].includes(made))
          .toSorted(),
      ).toEqual([x.id, y.id].toSorted())
    })
    expect(s.begun()).toHaveLength(40)
  })

  test('runs within runs, begun on A and decided and answered on both at once, eight times: both go on, and each call is made once', async () => {
    await using s = await sharedDatabase()
    const [a, b] = await s.spawnTwo({ SERVES: 'agent,outer' })
    await inBatches(8, 4, async (round) => {
      const run = await start(a, { agentName: 'outer', message: 'erase:x mail:y' })
      const [approval, answered] = run.requirements
      expect([run.status, approval.path, answered.path]).toEqual(['PAUSED', ...Array(2).fill(['outer', 'agent'])])
      const answers = [{ callId: answered.callId, decision: { approve: {} } }]
      const [one, other] = round % 2 ? [a, b] : [b, a]
      const answer = async () => {
        // It may find the run in the hands of the process that hears the decision.
        while ((await continueRun(other, run.id, { answers, waitMs: 0 })).__typename === 'RunStateError');
      }
      await Promise.all([decide(one, approval.approval.id), answer()])
      expect(await finished(one, run.id)).toMatchObject({ status: 'COMPLETED', output: 'Done.' })
      const made = s.begun().filter((callId) => [approval.callId, answered.callId].includes(callId))
      expect(made.toSorted()).toEqual([approval.callId, answered.callId].toSorted())
    })
    expect(s.begun()).toHaveLength(16)
  })

  test('C16 startRun with one idempotencyKey at once on A and B, twenty times: one run, worked on once', async () => {
    await using s = await sharedDatabase()
    const [a, b] = await s.spawnTwo()
    await inBatches(20, 5, async (round) => {
      const input = { message: 'look:x', idempotencyKey: `key ${round}`, waitMs: 30_000 }
      const [one, two] = await Promise.all([startAny(a, input), startAny(b, input)])
      expect([one.__typename, two.__typename]).toEqual(['StartRunSuccess', 'StartRunSuccess'])
      expect(one.run).toEqual(two.run)
      expect(one.run).toMatchObject({ status: 'COMPLETED' })
    })
    const { runs } = await a.data('{ runs(first: 100) { edges { node { id } } } }')
    expect(runs.edges).toHaveLength(20)
    expect([s.begun().length, new Set(s.begun()).size]).toEqual([20, 20])
    const other = await Promise.all(
      [a, b].map((api, n) => startAny(api, { message: `look:${n}`, idempotencyKey: 'other' })),
    )
    expect(other.map(({ __typename }) => __typename).toSorted()).toEqual([
      'IdempotencyConflictError',
      'StartRunSuccess',
    ])
    expect(other[0].run.id).toBe(other[1].run.id)
  })
})
