import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { connect } from '../support/client.ts'
import { spawnServer } from '../support/spawn-server.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { approvalsOf, decide, finished, readApproval, resolve, start } from './support/api.ts'
import { cuttingProxy, type Moment } from './support/cutting-proxy.ts'
import { forEachStore } from './support/stores.ts'

const errands = join(import.meta.dirname, 'support/errands.ts')
const moments: Moment[] = ['the request is through', 'the answer is on its way']

forEachStore(({ database }) => {
  describe('a decision whose connection breaks after it was sent, and that is sent again', () => {
    test.each(moments)('R4 is one decision, and its call is made once: when %s', async (moment) => {
      await using db = database()
      using directory = temporaryDirectory()
      const effects = join(directory.path, 'effects')
      writeFileSync(effects, '')
      await using server = await spawnServer({
        agents: errands,
        authenticated: true,
        database: db.url,
        env: { EFFECTS: effects },
      })
      await using proxy = await cuttingProxy(server.url, moment)
      await using cutOff = connect(proxy.url)
      const approved: string[] = []
      const rounds = ['k', null].flatMap((idempotencyKey) => [
        { idempotencyKey, decision: { approve: {} } },
        { idempotencyKey, decision: { reject: { message: 'No.' } } },
      ])
      for (const [round, { idempotencyKey, decision }] of rounds.entries()) {
        const run = await start(server, { agentName: 'two' })
        const [{ id, callId }, other] = approvalsOf(run)
        const attempt = { decision, note: `Round ${round}`, idempotencyKey }
        await expect(resolve(cutOff, id, attempt)).rejects.toThrow()
        expect(proxy.count()).toBe(round + 1)
        const standing = moment === 'the answer is on its way' ? await readApproval(server, id) : null
        if (standing) expect(standing.revision).toBe(2)

        const again = await resolve(server, id, attempt)
        const isFirst = again.__typename === 'ResolveApprovalSuccess'
        // With the key it is the same decision; without, it is a second one, unless it has come first.
        if (idempotencyKey !== null) expect(isFirst).toBe(true)
        else if (standing) expect(again).toMatchObject({ __typename: 'ApprovalConflictError', approval: standing })
        const approval = await readApproval(server, id)
        expect(again.approval).toEqual(approval)
        expect(approval).toMatchObject({
          revision: 2,
          resolution: { resolvedBy: { id: 'prn_approver-1' }, note: `Round ${round}` },
          history: { edges: [{ node: { action: 'PROPOSED' } }, { node: { revision: 2 } }] },
        })
        if (approval.status === 'APPROVED') approved.push(`erase a ${callId}`)
        // Somebody else's decision does not become the first one's.
        expect(await resolve(server, id, { ...attempt, as: 'approver-2' })).toMatchObject({
          __typename: 'ApprovalConflictError',
          approval,
        })
        await decide(server, other.id, { decision: { reject: {} } })
        expect(await finished(server, run.id)).toMatchObject({ status: 'COMPLETED' })
      }
      expect(readFileSync(effects, 'utf8').split('\n').filter(Boolean)).toEqual(approved)
      expect(approved).toHaveLength(2)
    })
  })
})
