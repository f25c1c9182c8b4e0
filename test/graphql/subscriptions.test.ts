import type { ExecutionResult } from 'graphql'
import { describe, expect, test } from 'vitest'
import { answer, approver, decide, decided, openHarness, principal, requester, stranger } from './harness.ts'

const pending = /* GraphQL */ `
  subscription ($filter: PendingApprovalFilter, $first: Int! = 200) {
    pendingApprovals(filter: $filter, first: $first) {
      __typename
      at
      ... on PendingApprovalsSnapshot {
        reason
        approvals { id run { status } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        totalCount { count precision }
      }
      ... on PendingApprovalAdded { approval { ...Shown } }
      ... on PendingApprovalChanged { approval { ...Shown } }
      ... on PendingApprovalRemoved { approval { ...Shown } }
    }
  }
  fragment Shown on Approval { id status revision run { id status } toolCall { status } resolution { resolvedBy { id name } } }
`
const runEvents = /* GraphQL */ `
  subscription ($runId: ID!, $after: Int) {
    runEvents(runId: $runId, after: $after) {
      __typename
      run { id status lastSeq }
      ... on RunStarted { seq message }
      ... on TextDelta { step offset delta }
      ... on ModelResponded { seq text toolCalls { id status } }
      ... on ToolCallsProposed { seq toolCalls { id status } }
      ... on RunPaused { seq requirements { callId toolCall { status } approval { id status } } }
      ... on RunAnswered { seq toolCalls { id } }
      ... on ToolCallsDecided { seq toolCalls { id status } }
      ... on RunResumed { seq }
      ... on ToolCallStarted { seq toolCall { id status } }
      ... on ToolCallFinished { seq toolCall { id status result } }
      ... on ChildRunStarted { seq child { id } }
      ... on RunCompleted { seq output }
      ... on RunFailed { seq error { code message } }
      ... on RunCancelled { seq reason }
    }
  }
`

async function next(events: AsyncGenerator<ExecutionResult>) {
  const { done, value } = await events.next()
  if (done) throw new Error('It is over.')
  if (value.errors) throw new AggregateError(value.errors, value.errors[0]?.message)
  // biome-ignore lint/suspicious/noExplicitAny: events of many shapes
  return Object.values(value.data ?? {})[0] as any
}
async function all(events: AsyncGenerator<ExecutionResult>) {
  const read = []
  for await (const { data, errors } of events) {
    if (errors) throw new AggregateError(errors, errors[0]?.message)
    read.push(Object.values(data ?? {})[0])
  }
  return read
}

describe('pendingApprovals', () => {
  test('begins with a snapshot whose cursor goes on in `approvals`', async () => {
    await using harness = await openHarness()
    const proposed = await (await harness.startRun()).propose(5, { createdAt: 1_000 })
    await (await harness.startRun({ agentName: 'other' })).propose(1)
    const filter = { agentName: ['support'] }
    const events = await harness.watch(pending, { filter, first: 2 }, approver)
    const snapshot = await next(events)
    expect(snapshot).toMatchObject({
      __typename: 'PendingApprovalsSnapshot',
      reason: 'INITIAL',
      approvals: [{ run: { status: 'PAUSED' } }, {}],
      pageInfo: { hasNextPage: true, hasPreviousPage: false },
      totalCount: { count: 5, precision: 'EXACT' },
    })
    const rest = await harness.data(
      'query ($filter: ApprovalFilter, $after: String) { approvals(filter: $filter, orderBy: OLDEST_FIRST, after: $after) { edges { node { id } } } }',
      { filter: { ...filter, status: ['PENDING'] }, after: snapshot.pageInfo.endCursor },
      approver,
    )
    const ids = [...snapshot.approvals, ...rest.approvals.edges.map(({ node }: { node: { id: string } }) => node)].map(
      ({ id }) => id,
    )
    expect(ids).toEqual(proposed.map(({ id }) => id))
    await events.return(undefined)
  })

  test('of nothing has a snapshot of nothing', async () => {
    await using harness = await openHarness()
    for (const [viewer, filter] of [
      [approver, null],
      [principal('nobody'), null],
      [approver, { runId: `run_${'0'.repeat(32)}` }],
    ] as const) {
      const events = await harness.watch(pending, { filter }, viewer)
      expect(await next(events)).toMatchObject({
        approvals: [],
        pageInfo: { hasNextPage: false, startCursor: null, endCursor: null },
        totalCount: { count: 0 },
      })
      await events.return(undefined)
    }
  })

  test('tells of what is added and removed, with run and call as they are at that moment', async () => {
    await using harness = await openHarness()
    await harness.store.principals.put({ tenant: 'default', id: approver.id, name: 'Anna' })
    const before = harness.listeners()
    const events = await harness.watch(pending, {}, approver)
    await next(events)
    const run = await harness.startRun()
    const [approval] = await run.propose(1)
    if (!approval) throw new Error('There is one.')
    const shown = { id: approval.id, run: { id: run.id, status: 'PAUSED' }, toolCall: { status: 'WAITING' } }
    expect(await next(events)).toMatchObject({
      __typename: 'PendingApprovalAdded',
      approval: { ...shown, revision: 1, resolution: null },
    })
    await decide(harness.store, approval)
    await run.append(decided(approval), { type: 'resumed' }, { type: 'call-started', callId: approval.callId })
    expect(await next(events)).toMatchObject({
      __typename: 'PendingApprovalRemoved',
      approval: {
        status: 'APPROVED',
        revision: 2,
        run: { status: 'RUNNING' },
        toolCall: { status: 'RUNNING' },
        resolution: { resolvedBy: { name: 'Anna' } },
      },
    })
    await events.return(undefined)
    expect(harness.listeners()).toBe(before)
  })

  test.each([0, 1_001, -1])('refuses first: %i', async (first) => {
    await using harness = await openHarness()
    await expect(harness.watch(pending, { first })).rejects.toMatchObject({
      message: expect.stringMatching(/from 1 to 1000/),
      originalError: { code: 'BAD_USER_INPUT' },
    })
  })
})

describe('approval', () => {
  const approvalEvents = 'subscription ($id: ID!) { approval(id: $id) { id status toolCall { status result } } }'

  test('is told now and after each change of it or of its call, until that is settled', async () => {
    await using harness = await openHarness()
    const run = await harness.startRun()
    const [pendingOne] = await run.propose(1)
    if (!pendingOne) throw new Error('There is one.')
    const events = await harness.watch(approvalEvents, { id: pendingOne.id }, requester)
    expect(await next(events)).toMatchObject({ status: 'PENDING', toolCall: { status: 'WAITING' } })
    await decide(harness.store, pendingOne)
    expect(await next(events)).toMatchObject({ status: 'APPROVED', toolCall: { status: 'WAITING' } })
    const { callId } = pendingOne
    await run.append(
      decided(pendingOne),
      { type: 'resumed' },
      { type: 'call-started', callId },
      { type: 'call-finished', callId, outcome: { result: '"gone"' as never }, modelOutput: null },
    )
    expect((await all(events)).at(-1)).toMatchObject({
      status: 'APPROVED',
      toolCall: { status: 'SUCCEEDED', result: 'gone' },
    })
  })

  test.each(['nonsense', 'apr_', `apr_${'0'.repeat(32)}_1_0`])('of %s is NOT_FOUND', async (id) => {
    await using harness = await openHarness()
    await expect(harness.watch(approvalEvents, { id })).rejects.toMatchObject({
      path: ['approval'],
      originalError: { code: 'NOT_FOUND' },
    })
  })

  test('of another tenant is NOT_FOUND', async () => {
    await using harness = await openHarness()
    const [one] = await (await harness.startRun()).propose(1)
    await expect(harness.watch(approvalEvents, { id: one?.id }, stranger)).rejects.toMatchObject({
      originalError: { code: 'NOT_FOUND' },
    })
  })
})

describe('runEvents', () => {
  test('has every entry, each with what it says', async () => {
    await using harness = await openHarness()
    const run = await harness.startRun()
    const child = await harness.startRun()
    const [one] = await run.propose(1)
    if (!one) throw new Error('There is one.')
    const { callId } = one
    const answered = {
      callId,
      verdict: 'APPROVED' as const,
      by: requester.id,
      message: null,
      note: null,
      arguments: null,
      values: null,
      outcome: null,
      revision: null,
    }
    await decide(harness.store, one)
    await run.append(
      decided(one),
      { type: 'answered', by: requester.id, decisions: [answered] },
      { type: 'resumed' },
      { type: 'call-started', callId },
      { type: 'child-started', callId, childId: child.id },
      { type: 'call-finished', callId, outcome: { result: '"gone"' as never }, modelOutput: null },
      answer('Bye'),
      { type: 'completed', output: 'Bye' },
    )
    const events = await all(await harness.watch(runEvents, { runId: run.id }))
    const present = { id: run.id, status: 'COMPLETED', lastSeq: 12 }
    const call = { id: callId, status: 'SUCCEEDED' }
    expect(events).toEqual([
      { __typename: 'RunStarted', run: present, seq: 1, message: 'Hello' },
      { __typename: 'ModelResponded', run: present, seq: 2, text: null, toolCalls: [call] },
      { __typename: 'ToolCallsProposed', run: present, seq: 3, toolCalls: [call] },
      {
        __typename: 'RunPaused',
        run: present,
        seq: 4,
        requirements: [{ callId, toolCall: { status: 'SUCCEEDED' }, approval: { id: one.id, status: 'APPROVED' } }],
      },
      { __typename: 'ToolCallsDecided', run: present, seq: 5, toolCalls: [call] },
      { __typename: 'RunAnswered', run: present, seq: 6, toolCalls: [{ id: callId }] },
      { __typename: 'RunResumed', run: present, seq: 7 },
      { __typename: 'ToolCallStarted', run: present, seq: 8, toolCall: call },
      { __typename: 'ChildRunStarted', run: present, seq: 9, child: { id: child.id } },
      { __typename: 'ToolCallFinished', run: present, seq: 10, toolCall: { ...call, result: 'gone' } },
      { __typename: 'ModelResponded', run: present, seq: 11, text: 'Bye', toolCalls: [] },
      { __typename: 'RunCompleted', run: present, seq: 12, output: 'Bye' },
    ])
    expect(await all(await harness.watch(runEvents, { runId: run.id, after: 10 }))).toEqual(events.slice(10))
    expect(await all(await harness.watch(runEvents, { runId: run.id, after: 12 }))).toEqual([])
  })

  test('tells of text while the model speaks, of a failure and of a cancel', async () => {
    await using harness = await openHarness()
    const run = await harness.startRun()
    const events = await harness.watch(runEvents, { runId: run.id, after: 1 })
    const text = next(events)
    harness.hub.tellText({ runId: run.id, step: 0, offset: 0, delta: 'Good', at: 1_000 })
    expect(await text).toMatchObject({
      __typename: 'TextDelta',
      step: 0,
      offset: 0,
      delta: 'Good',
      run: { status: 'RUNNING' },
    })
    await run.append({ type: 'failed', code: 'MODEL_ERROR', message: 'It broke.' })
    expect(await all(events)).toMatchObject([
      { __typename: 'RunFailed', error: { code: 'MODEL_ERROR', message: 'It broke.' } },
    ])
    const other = await harness.startRun()
    await other.append({ type: 'cancelled', by: requester.id, reason: 'No more.' })
    expect(await all(await harness.watch(runEvents, { runId: other.id, after: 1 }))).toMatchObject([
      { __typename: 'RunCancelled', reason: 'No more.' },
    ])
  })

  test('of what one may not see is NOT_FOUND, and a bad place is refused', async () => {
    await using harness = await openHarness()
    const before = harness.listeners()
    const run = await harness.startRun()
    const notFound = { originalError: { code: 'NOT_FOUND' } }
    await expect(harness.watch(runEvents, { runId: run.id }, stranger)).rejects.toMatchObject(notFound)
    await expect(harness.watch(runEvents, { runId: run.id }, approver)).rejects.toMatchObject(notFound)
    await expect(harness.watch(runEvents, { runId: 'nonsense' })).rejects.toMatchObject(notFound)
    await expect(harness.watch(runEvents, { runId: run.id, after: -1 })).rejects.toMatchObject({
      originalError: { code: 'BAD_USER_INPUT' },
    })
    expect(harness.listeners()).toBe(before)
  })
})
