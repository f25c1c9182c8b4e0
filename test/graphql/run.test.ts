import { describe, expect, test } from 'vitest'
import { readJsonObject, toJsonText } from '../../src/json.ts'
import { admin, answer, approver, decide, decided, openHarness, principal, requester, stranger } from './harness.ts'

describe('a run', () => {
  test('shows itself, what it waits for, its calls and its approvals', async () => {
    await using harness = await openHarness()
    await harness.store.principals.put({ tenant: 'default', id: requester.id, name: 'Rita' })
    const run = await harness.startRun({ metadata: toJsonText({ ticket: 7 }), createdAt: 0 })
    const [first, second] = await run.propose(2)
    const { run: shown } = await harness.data(
      /* GraphQL */ `query ($id: ID!) { run(id: $id) {
        id agentName sessionId status resumeMode message output lastSeq metadata createdAt finishedAt
        agent { id name description tools { name pauseKind approvalType destructive idempotent inputSchema } }
        requestedBy { id name } error { code }
        requirements { callId kind decider approvalType toolCall { id status arguments } approval { id status } answerSchema }
        toolCalls(last: 1) { edges { node { id status approval { id } startedAt } } pageInfo { hasPreviousPage hasNextPage } totalCount { count } }
        approvals(first: 1) { edges { node { id } } pageInfo { hasNextPage } totalCount { count } }
      } }`,
      { id: run.id },
    )
    expect(shown).toMatchObject({
      id: run.id,
      status: 'PAUSED',
      resumeMode: 'AUTOMATIC',
      output: null,
      error: null,
      lastSeq: 4,
      metadata: { ticket: 7 },
      createdAt: '1970-01-01T00:00:00.000Z',
      finishedAt: null,
      agent: {
        id: 'agt_support',
        description: 'Helps customers.',
        tools: [
          {
            name: 'delete_user_data',
            pauseKind: 'CONFIRMATION',
            approvalType: 'REQUIRED',
            destructive: true,
            inputSchema: { type: 'object' },
          },
          { name: 'lookup_user', pauseKind: null, approvalType: null, destructive: false },
        ],
      },
      requestedBy: { id: requester.id, name: 'Rita' },
      toolCalls: {
        edges: [{ node: { id: second?.callId, status: 'WAITING', approval: { id: second?.id } } }],
        pageInfo: { hasPreviousPage: true, hasNextPage: false },
        totalCount: { count: 2 },
      },
      approvals: { edges: [{ node: { id: first?.id } }], pageInfo: { hasNextPage: true }, totalCount: { count: 2 } },
    })
    expect(shown.requirements).toMatchObject([
      {
        callId: first?.callId,
        kind: 'CONFIRMATION',
        decider: 'APPROVER',
        approvalType: 'REQUIRED',
        toolCall: { status: 'WAITING', arguments: { userId: '0' } },
        approval: { id: first?.id, status: 'PENDING' },
      },
      { callId: second?.callId },
    ])
  })

  test('has no agent when it is registered no longer, and still its name', async () => {
    await using harness = await openHarness()
    const run = await harness.startRun({ agentName: 'gone' })
    expect(await harness.data('query ($id: ID!) { run(id: $id) { agent { id } agentName } }', { id: run.id })).toEqual({
      run: { agent: null, agentName: 'gone' },
    })
  })

  test('that is over waits for nothing, and is shown without its journal', async () => {
    await using harness = await openHarness()
    const run = await harness.startRun()
    await run.append(answer('Bye'), { type: 'completed', output: 'Bye' })
    const { run: shown } = await harness.data(
      'query ($id: ID!) { run(id: $id) { status output requirements { callId } finishedAt toolCalls { edges { cursor } } } }',
      { id: run.id },
    )
    expect(shown).toEqual({
      status: 'COMPLETED',
      output: 'Bye',
      requirements: [],
      finishedAt: expect.any(String),
      toolCalls: { edges: [] },
    })
  })
})

describe('an approval', () => {
  const approval = /* GraphQL */ `query ($id: ID!) { approval(id: $id) {
    id revision status type kind callId agentName toolName arguments fingerprint inputSchema answerSchema expiresAt
    run { id status } toolCall { id status } requestedBy { id }
    viewerCanResolve viewerCannotResolveReasons
    resolution { status cause resolvedBy { id name } resolvedAt note message arguments values result error }
    history(first: 1) { edges { cursor node { revision action at note by { id } } } pageInfo { hasNextPage endCursor } totalCount { count precision } }
  } }`

  test('shows what was proposed, and how it was resolved', async () => {
    await using harness = await openHarness()
    const run = await harness.startRun()
    const [pending] = await run.propose(1)
    if (!pending) throw new Error('There is one.')
    const before = await harness.data(approval, { id: pending.id }, approver)
    expect(before.approval).toMatchObject({
      revision: 1,
      status: 'PENDING',
      arguments: readJsonObject(pending.arguments),
      run: { id: run.id, status: 'PAUSED' },
      toolCall: { id: pending.callId, status: 'WAITING' },
      viewerCanResolve: true,
      viewerCannotResolveReasons: [],
      resolution: null,
      history: {
        edges: [{ node: { revision: 1, action: 'PROPOSED', by: { id: requester.id } } }],
        pageInfo: { hasNextPage: false },
        totalCount: { count: 1 },
      },
    })
    await decide(harness.store, pending)
    await run.append(decided(pending), { type: 'resumed' }, { type: 'call-started', callId: pending.callId })
    const after = await harness.data(approval, { id: pending.id }, approver)
    expect(after.approval).toMatchObject({
      revision: 2,
      status: 'APPROVED',
      run: { status: 'RUNNING' },
      toolCall: { status: 'RUNNING' },
      viewerCanResolve: false,
      viewerCannotResolveReasons: ['NOT_PENDING'],
      resolution: {
        status: 'APPROVED',
        cause: 'DECISION',
        resolvedBy: { id: approver.id, name: null },
        arguments: null,
        result: null,
      },
      history: { pageInfo: { hasNextPage: true }, totalCount: { count: 2, precision: 'EXACT' } },
    })
    const more = await harness.data(
      'query ($id: ID!, $after: String) { approval(id: $id) { history(after: $after) { edges { node { revision action } } } } }',
      { id: pending.id, after: after.approval.history.pageInfo.endCursor },
    )
    expect(more.approval.history.edges).toEqual([{ node: { revision: 2, action: 'APPROVED' } }])
  })

  test.each([
    [approver, {}, []],
    [admin, {}, []],
    [requester, {}, ['NOT_AN_APPROVER', 'OWN_REQUEST']],
    [requester, { allowSelfApproval: true }, ['NOT_AN_APPROVER']],
    [principal('rita', 'REQUESTER', 'APPROVER'), {}, ['OWN_REQUEST']],
    [principal('rita', 'REQUESTER', 'APPROVER'), { allowSelfApproval: true }, []],
    [principal('otto', 'AUDITOR'), {}, ['NOT_AN_APPROVER']],
  ])('says beforehand whether the viewer can resolve it (%#)', async (viewer, settings, reasons) => {
    await using harness = await openHarness(settings)
    const [pending] = await (await harness.startRun()).propose(1)
    const shown = await harness.data(approval, { id: pending?.id }, viewer)
    expect(shown.approval).toMatchObject({
      viewerCanResolve: reasons.length === 0,
      viewerCannotResolveReasons: reasons,
    })
  })

  test('past its deadline can be resolved by nobody', async () => {
    await using harness = await openHarness()
    const [late] = await (await harness.startRun()).propose(1, { expiresAt: harness.store.now() - 1 })
    expect((await harness.data(approval, { id: late?.id })).approval.viewerCannotResolveReasons).toEqual([
      'NOT_PENDING',
    ])
  })
})

describe('the viewer', () => {
  test('is who authentication says', async () => {
    await using harness = await openHarness()
    const viewer = { ...stranger, name: 'Ada' }
    expect(await harness.data('{ viewer { tenant roles principal { id name } } }', {}, viewer)).toEqual({
      viewer: { tenant: 'elsewhere', roles: ['ADMIN'], principal: { id: stranger.id, name: 'Ada' } },
    })
  })
})

describe('reading together', () => {
  test('reads a run once for all its approvals, and folds its journal once', async () => {
    await using harness = await openHarness()
    const run = await harness.startRun()
    await run.propose(50)
    const { store } = harness
    const reads = { run: 0, journal: 0, principals: 0 }
    const counted =
      <Args extends unknown[], Result>(what: keyof typeof reads, read: (...args: Args) => Result) =>
      (...args: Args) => {
        reads[what] += 1
        return read(...args)
      }
    const counting = {
      ...store,
      runs: { ...store.runs, getMany: counted('run', store.runs.getMany) },
      journal: { read: counted('journal', store.journal.read) },
      principals: { ...store.principals, getMany: counted('principals', store.principals.getMany) },
    }
    Object.assign(harness.engine, { store: counting })
    const { approvals } = await harness.data(
      '{ approvals(first: 50) { edges { node { run { id requirements { callId } } toolCall { id } requestedBy { name } } } } }',
    )
    expect(approvals.edges).toHaveLength(50)
    expect(reads).toEqual({ run: 1, journal: 1, principals: 1 })
  })
  test('reads the journals of a page of runs one after the other, and lets others have their turn in between', async () => {
    await using harness = await openHarness()
    for (let count = 0; count < 10; count++) await (await harness.startRun()).propose(1)
    const { store } = harness
    let turn = 0
    const turns: number[] = []
    let underWay = 0
    const watched: typeof store.journal.read = async (...args) => {
      turns.push(turn)
      underWay += 1
      expect(underWay).toBe(1)
      const records = await store.journal.read(...args)
      underWay -= 1
      return records
    }
    Object.assign(harness.engine, { store: { ...store, journal: { read: watched } } })
    let immediate = setImmediate(function count() {
      turn += 1
      immediate = setImmediate(count)
    })
    await harness.data('{ runs { edges { node { toolCalls(first: 1) { edges { node { id } } } } } } }')
    clearImmediate(immediate)
    expect(turns).toHaveLength(10)
    expect(new Set(turns).size).toBe(10)
  })
})
