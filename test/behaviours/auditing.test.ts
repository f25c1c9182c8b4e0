import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import canonicalize from 'canonicalize'
import { validate } from 'graphql'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { tool } from '../../src/agents/tool.ts'
import { parseDocument } from '../../src/graphql/limits.ts'
import { schema } from '../../src/graphql/schema.ts'
import type { AnyData } from '../support/client.ts'
import { agentOf, ledger } from './support/agents.ts'
import { approvalsOf, cancel, continueRun, decide, finished, start } from './support/api.ts'
import { forEachStore } from './support/stores.ts'

const guide = readFileSync(join(import.meta.dirname, '../../docs/auditing.md'), 'utf8')
const [audit = '', auditOfRun = ''] = [...guide.matchAll(/^```graphql\n(.*?)^```$/gms)].map(([, text]) => text)

test('what the guide to auditing asks, the schema has', () => {
  for (const text of [audit, auditOfRun]) expect(validate(schema, parseDocument(text))).toEqual([])
})

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
/** As the guide says, from what an auditor is given. */
const fingerprintOf = ({ toolName, inputSchema }: AnyData, args: object, fields = '') =>
  sha256(
    canonicalize({
      arguments: args,
      inputSchema: sha256(canonicalize(inputSchema) + fields),
      tool: toolName,
    }) ?? '',
  )

forEachStore(({ serve }) => {
  test('an auditor reads who allowed what, edited how, who looked, who answered and who cancelled, and recomputes the fingerprints', async () => {
    const kept = ledger()
    const inputSchema = z.object({ to: z.string(), euros: z.number(), card: z.string() })
    const pay = tool({ inputSchema, sensitive: ['card'], approval: 'required', execute: kept.enter })
    const fill = tool({
      ...{ inputSchema: z.object({ to: z.string(), euros: z.number() }), execute: kept.enter },
      ...{ pause: 'user-input', userInput: ['euros'], approval: 'required' },
    })
    const ask = tool({ inputSchema: z.object({ id: z.string() }), pause: 'confirmation', execute: kept.enter })
    const input = { to: 'Riley', euros: 20, card: '4929-1234' }
    const { agent: payer } = agentOf({ pay }, [[{ call: 'pay', input }]], { name: 'payer' })
    const { agent: filler } = agentOf({ fill }, [[{ call: 'fill', input: { to: 'Riley' } }]], { name: 'filler' })
    const { agent: asker } = agentOf({ ask }, [[{ call: 'ask', input: { id: 'a' } }]], { name: 'asker' })
    await using api = await serve({ agents: [payer, filler, asker] })

    const paid = await start(api, { agentName: 'payer' })
    const [{ id }] = approvalsOf(paid)
    const reveal = 'mutation ($input: RevealArgumentInput!) { revealArgument(input: $input) { __typename } }'
    await api.data(reveal, { input: { approvalId: id, path: ['card'] } }, 'approver-2')
    await decide(api, id, { decision: { approve: { arguments: { ...input, euros: 30, card: '4929-5678' } } } })
    await finished(api, paid.id)
    const filled = await start(api, { agentName: 'filler' })
    const values = { euros: 7 }
    await decide(api, approvalsOf(filled)[0].id, { decision: { approve: { values } } })
    await finished(api, filled.id)
    const asked = await start(api, { agentName: 'asker' })
    const [{ callId }] = asked.requirements
    await continueRun(api, asked.id, { answers: [{ callId, decision: { approve: {} }, note: 'Go.' }] }, 'admin-1')
    const ended = await start(api, { agentName: 'payer' })
    await cancel(api, ended.id, { reason: 'Enough.' }, 'admin-1')

    const { approvals } = await api.data(audit, {}, 'auditor-1')
    const [one, two, three] = approvals.edges.map(({ node }: AnyData) => node)
    expect(one).toMatchObject({
      requestedBy: { id: 'prn_requester-1' },
      arguments: { euros: 20, card: '‹hidden›' },
      sensitivePaths: [['card']],
      resolution: {
        status: 'APPROVED',
        resolvedBy: { id: 'prn_approver-1' },
        via: null,
        arguments: { euros: 30, card: '‹hidden›' },
        editedPaths: [['card'], ['euros']],
      },
    })
    expect(one.history.edges.map(({ node }: AnyData) => [node.action, node.by.id, node.note])).toEqual([
      ['PROPOSED', 'prn_requester-1', null],
      ['REVEALED', 'prn_approver-2', 'card'],
      ['APPROVED', 'prn_approver-1', null],
    ])
    expect(one.fingerprint).toBe(fingerprintOf(one, input))
    expect(one.resolution.fingerprint).toBe(fingerprintOf(one, { ...input, euros: 30, card: '4929-5678' }))
    const fields = JSON.stringify(['euros'])
    expect(two.fingerprint).toBe(fingerprintOf(two, two.arguments, fields))
    expect(two.resolution).toMatchObject({ values, editedPaths: null })
    expect(two.resolution.fingerprint).toBe(fingerprintOf(two, { ...two.arguments, ...values }, fields))
    expect(three.resolution).toMatchObject({ cause: 'CANCELLATION', resolvedBy: null, fingerprint: null })

    const eventOf = async (runId: string, typename: string) => {
      for await (const { data } of api.subscribe(auditOfRun, { runId }, 'auditor-1'))
        if (data?.runEvents.__typename === typename) return data.runEvents
    }
    expect(await eventOf(asked.id, 'RunAnswered')).toMatchObject({
      by: { id: 'prn_admin-1' },
      answers: [{ toolCall: { id: callId, arguments: { id: 'a' } }, status: 'APPROVED', note: 'Go.' }],
    })
    expect(await eventOf(ended.id, 'RunCancelled')).toMatchObject({ by: { id: 'prn_admin-1' }, reason: 'Enough.' })
  })
})
