import { describe, expect, test } from 'vitest'
import { admin, approver, auditor, type Harness, openHarness, principal, requester, stranger } from './harness.ts'

const nodes = 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }'
const node = /* GraphQL */ `query ($id: ID!) { node(id: $id) {
  __typename id
  ... on Run { runStatus: status } ... on Approval { status } ... on ToolCall { toolName } ... on Agent { agentName: name } ... on Principal { name }
} }`

async function pausedRun(harness: Harness) {
  const run = await harness.startRun()
  const [approval] = await run.propose(1)
  if (!approval) throw new Error('There is one.')
  await harness.store.principals.put({ tenant: 'default', id: requester.id, name: 'Rita' })
  return { run, approval, ids: [run.id, approval.id, approval.callId, 'agt_support', requester.id] }
}

describe('node', () => {
  test('reads everything that has an id by it', async () => {
    await using harness = await openHarness()
    const { run, approval, ids } = await pausedRun(harness)
    const found = await Promise.all(ids.map(async (id) => (await harness.data(node, { id })).node))
    expect(found).toEqual([
      { __typename: 'Run', id: run.id, runStatus: 'PAUSED' },
      { __typename: 'Approval', id: approval.id, status: 'PENDING' },
      { __typename: 'ToolCall', id: approval.callId, toolName: 'delete_user_data' },
      { __typename: 'Agent', id: 'agt_support', agentName: 'support' },
      { __typename: 'Principal', id: requester.id, name: 'Rita' },
    ])
  })

  test('has a place for each id of `nodes`, in the order asked, also for those asked twice or not there', async () => {
    await using harness = await openHarness()
    const { run, ids } = await pausedRun(harness)
    const asked = [...ids.toReversed(), 'agt_nobody', run.id, `run_${'0'.repeat(32)}`]
    const { nodes: found } = await harness.data(nodes, { ids: asked })
    expect(found.map((one: { id: string } | null) => one?.id ?? null)).toEqual([
      ...ids.toReversed(),
      null,
      run.id,
      null,
    ])
    expect(await harness.data(nodes, { ids: [] })).toEqual({ nodes: [] })
    const tooMany = { ids: Array.from({ length: 101 }, () => run.id) }
    expect(await harness.run(nodes, tooMany)).toMatchObject({
      data: null,
      errors: [{ message: expect.stringMatching(/101 ids, and at most 100/) }],
    })
  })

  test('says null for what one may not see, as for what is not there', async () => {
    await using harness = await openHarness()
    const { run, approval, ids } = await pausedRun(harness)
    const seen = async (as: Parameters<Harness['data']>[2]) =>
      (await harness.data(nodes, { ids }, as)).nodes.map(
        (one: { __typename: string } | null) => one?.__typename ?? null,
      )
    const all = ['Run', 'Approval', 'ToolCall', 'Agent', 'Principal']
    expect(await seen(admin)).toEqual(all)
    expect(await seen(auditor)).toEqual(all)
    expect(await seen(approver)).toEqual(all)
    expect(await seen(requester)).toEqual(all)
    expect(await seen(principal('eve', 'REQUESTER'))).toEqual([null, null, null, 'Agent', null])
    expect(await seen(stranger)).toEqual([null, null, null, 'Agent', null])
    const direct = 'query ($run: ID!, $approval: ID!) { run(id: $run) { id } approval(id: $approval) { id } }'
    expect(await harness.data(direct, { run: run.id, approval: approval.id }, stranger)).toEqual({
      run: null,
      approval: null,
    })
    expect(await harness.data(direct, { run: 'nonsense', approval: run.id }, admin)).toEqual({
      run: null,
      approval: null,
    })
  })

  test.each([
    '',
    'nonsense',
    'run_',
    'run_XYZ',
    `run_${'0'.repeat(31)}`,
    'call_1',
    'apr_',
    'agt_',
    'prn_',
    'UnVuOjE=',
    `agt_${'x'.repeat(300)}`,
  ])('refuses %j, which is no id, and says what one looks like', async (id) => {
    await using harness = await openHarness()
    const refusal = { message: expect.stringMatching(/is no id of this API/), extensions: { code: 'BAD_USER_INPUT' } }
    expect(await harness.run(node, { id })).toMatchObject({ data: { node: null }, errors: [refusal] })
    expect(await harness.run(nodes, { ids: ['agt_support', id] })).toMatchObject({ data: null, errors: [refusal] })
  })
})
