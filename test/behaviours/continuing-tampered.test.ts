import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { tool } from '../../src/agents/tool.ts'
import { fingerprint } from '../../src/approvals/fingerprint.ts'
import { spawnServer } from '../support/spawn-server.ts'
import { agentOf, ledger } from './support/agents.ts'
import {
  approvalsOf,
  callsOf,
  continueRun,
  decide,
  finished,
  listApprovals,
  person,
  readApproval,
  readRun,
  resolve,
  restart,
  start,
  until,
} from './support/api.ts'
import { forEachStore, type Tampering } from './support/stores.ts'

const inputSchema = z.object({ id: z.string() })
const call = (name: string, id: string) => ({ call: name, input: { id } })
const forged = '{"id":"z"}'

function scene(...ids: string[]) {
  const kept = ledger()
  const erase = tool({ inputSchema, approval: 'required', execute: kept.enter })
  const { agent, prompts } = agentOf({ erase }, [(ids.length > 0 ? ids : ['a']).map((id) => call('erase', id))])
  const print = (args: string) => fingerprint('erase', agent.tools.get('erase')?.schemaDigest ?? '', args as never)
  return { kept, agent, prompts, print }
}

forEachStore(({ serve, database, approvalRecord, editApproval, editEntry }) => {
  describe('C10 a tampered approval: the run fails with TAMPERED, and the call does not run', () => {
    type Scene = ReturnType<typeof scene>
    const tampers: Record<string, (s: Scene) => Tampering> = {
      'its arguments alone': () => ({ arguments: forged }),
      'its arguments, to the same in other words': () => ({ arguments: '{ "id": "a" }' }),
      'its fingerprint alone': ({ print }) => ({ fingerprint: print(forged) }),
      'its fingerprint, to nothing': () => ({ fingerprint: '' }),
      'both, so that they belong together and not to the journaled call': ({ print }) => ({
        arguments: forged,
        fingerprint: print(forged),
      }),
      'its tool': () => ({ toolName: 'other' }),
    }
    for (const [what, change] of Object.entries(tampers)) {
      test(`C10 ${what}, while it is pending`, async () => {
        const s = scene()
        await using api = await serve({ agents: [s.agent] })
        const run = await start(api)
        const [{ id }] = approvalsOf(run)
        await editApproval(api.database, id, change(s))
        expect(await resolve(api, id)).toMatchObject({ __typename: 'ResolveApprovalSuccess' })
        await expectTampered(api, run.id, s)
      })

      test(`C10 ${what}, after it was approved and over a restart`, async () => {
        const s = scene()
        await using api = await serve({ agents: [s.agent] })
        const run = await start(api, { resumeMode: 'MANUAL' })
        const [{ id }] = approvalsOf(run)
        await decide(api, id)
        await until(api, run.id, 'ToolCallsDecided')
        await editApproval(api.database, id, change(s))
        await restart(api)
        await continueRun(api, run.id)
        await expectTampered(api, run.id, s)
      })
    }
    async function expectTampered(api: Parameters<typeof finished>[0], runId: string, { kept, prompts }: Scene) {
      const over = await finished(api, runId)
      expect(over).toMatchObject({
        status: 'FAILED',
        error: { code: 'TAMPERED', message: expect.stringContaining('apr_') },
      })
      expect([kept.made.length, prompts.length]).toEqual([0, 1])
      expect(await continueRun(api, runId)).toMatchObject({ __typename: 'RunStateError' })
      expect(await listApprovals(api, { status: ['PENDING'] })).toEqual([])
    }

    test('C10 its arguments, to what is no JSON', async () => {
      const { kept, agent } = scene()
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [{ id: approvalId }] = approvalsOf(run)
      await editApproval(api.database, approvalId, { arguments: 'DROP' })
      await api.server.approvals.resolve(person('approver-1'), { approvalId, decision: { approve: {} } })
      await expect
        .poll(() => api.server.runs.get(person('requester-1'), run.id))
        .toMatchObject({
          status: 'FAILED',
          error: { code: 'TAMPERED' },
        })
      expect(kept.made).toEqual([])
    })

    test('C10 two approvals whose arguments were exchanged', async () => {
      const s = scene('a', 'b')
      await using api = await serve({ agents: [s.agent] })
      const run = await start(api)
      const [a, b] = approvalsOf(run)
      await editApproval(api.database, a.id, { arguments: '{"id":"b"}', fingerprint: b.fingerprint })
      await editApproval(api.database, b.id, { arguments: '{"id":"a"}', fingerprint: a.fingerprint })
      await decide(api, b.id)
      await decide(api, a.id, { decision: { reject: {} } })
      await expectTampered(api, run.id, s)
    })

    const edits: Record<string, (s: Scene) => object> = {
      'the arguments as edited': () => ({ arguments: forged }),
      'the arguments as edited, with their fingerprint': ({ print }) => ({
        arguments: forged,
        fingerprint: print(forged),
      }),
      'that they were edited': () => ({ arguments: null, fingerprint: null }),
      'the fingerprint of what was edited': ({ print }) => ({ fingerprint: print(forged) }),
    }
    test.each(Object.entries(edits))('C10 %s, after the decision', async (_, edit) => {
      const s = scene()
      await using api = await serve({ agents: [s.agent] })
      const run = await start(api, { resumeMode: 'MANUAL' })
      const [{ id }] = approvalsOf(run)
      await decide(api, id, { decision: { approve: { arguments: { id: 'edited' } } } })
      await until(api, run.id, 'ToolCallsDecided')
      const { resolution } = await approvalRecord(api.database, id)
      await editApproval(api.database, id, { resolution: { ...resolution, ...edit(s) } })
      await continueRun(api, run.id)
      await expectTampered(api, run.id, s)
    })

    test('C10 the journal and the approval alike', async () => {
      const s = scene()
      await using api = await serve({ agents: [s.agent] })
      const run = await start(api)
      const [{ id, fingerprint: shown }] = approvalsOf(run)
      await editApproval(api.database, id, { arguments: forged, fingerprint: s.print(forged) })
      const proposal = (text: string) =>
        text.replaceAll('{\\"id\\":\\"a\\"}', '{\\"id\\":\\"z\\"}').replaceAll(shown, s.print(forged))
      await editEntry(api.database, run.id, 3, (text) => {
        expect(proposal(text)).not.toBe(text)
        return proposal(text)
      })
      expect(await resolve(api, id)).toMatchObject({ __typename: 'ResolveApprovalSuccess' })
      // Its events cannot be read any more: the chain of the journal is broken, and so it says.
      await expect
        .poll(async () => (await api.data(head, { id: run.id }, 'admin-1')).run)
        .toMatchObject({
          status: 'FAILED',
          error: { code: 'TAMPERED', message: expect.stringContaining('journal') },
        })
      expect(s.kept.made).toEqual([])
    })
    const head = 'query ($id: ID!) { run(id: $id) { status error { code message } } }'
  })

  describe('C10 a decision that nobody made', () => {
    test.each(['APPROVED', 'REJECTED', 'EXPIRED'])(
      'C10 the status set to %s by hand stays refused: nothing runs',
      async (status) => {
        const { kept, agent, prompts } = scene()
        await using api = await serve({ agents: [agent] })
        const run = await start(api)
        const [{ id }] = approvalsOf(run)
        await editApproval(api.database, id, { status, unheard: true })
        await restart(api)
        expect(await resolve(api, id)).toMatchObject({ __typename: 'ApprovalConflictError' })
        expect(await continueRun(api, run.id)).toMatchObject({ __typename: 'ApprovalPendingError', pending: [{ id }] })
        expect(await readRun(api, run.id)).toMatchObject({
          status: 'PAUSED',
          lastSeq: run.lastSeq,
          requirements: [{ approval: { id } }],
        })
        expect([kept.made.length, prompts.length]).toEqual([0, 1])
      },
    )

    test('C10 a resolution written beside a status that says PENDING does not run the call', async () => {
      const { kept, agent } = scene('a', 'b')
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      const [a, b] = approvalsOf(run)
      await decide(api, b.id)
      const { resolution } = await approvalRecord(api.database, b.id)
      await editApproval(api.database, a.id, { resolution, unheard: true })
      await restart(api)
      await continueRun(api, run.id)
      expect(await finished(api, run.id)).toMatchObject({ status: 'COMPLETED' })
      expect(kept.inputs()).toEqual([{ id: 'b' }])
      expect(await readApproval(api, a.id)).toMatchObject({ status: 'CANCELLED' })
    })
  })

  test('C10 an approval that was made another call’s fails its run, and takes no server down', {
    timeout: 40_000,
  }, async () => {
    await using db = database()
    await using server = await spawnServer({
      database: db.url,
      agents: join(import.meta.dirname, 'support/errands.ts'),
      authenticated: true,
      env: { NODE_OPTIONS: '--max-old-space-size=80' },
    })
    const run = await start(server, { agentName: 'two' })
    const [a, b] = approvalsOf(run)
    await editApproval(server.database, a.id, { callId: b.callId })
    await decide(server, a.id)
    await decide(server, b.id, { decision: { reject: {} } })
    expect(await finished(server, run.id)).toMatchObject({ status: 'FAILED', error: { code: 'TAMPERED' } })
    expect(callsOf(await readRun(server, run.id)).map(({ startedAt }) => startedAt)).toEqual([null, null])
  })
})
