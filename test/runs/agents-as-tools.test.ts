import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { parsePrincipal } from '../../src/access/principal.ts'
import type { Agent } from '../../src/agents/agent.ts'
import { asTool } from '../../src/agents/as-tool.ts'
import { tool } from '../../src/agents/tool.ts'
import { childRunId, type RunId } from '../../src/ids.ts'
import { startRun } from '../../src/runs/start.ts'
import type { RunRecord } from '../../src/store/records.ts'
import { openFileShop } from './file-shop.ts'
import { agentOf, isDone, isPaused, openShop, tally, typesOf } from './workshop.ts'

/** Whose one call needs an approver. */
function payer(name = 'payer') {
  const made = tally()
  const pay = tool({ inputSchema: z.object({}), approval: 'required', execute: made.mark })
  return { made, agent: agentOf({ pay }, [[{ call: 'pay' }], [{ text: 'Paid.' }]], { name }) }
}

const asking = (inner: Agent, name = 'outer', times = 1) =>
  agentOf(
    { ask: asTool(inner) },
    [Array.from({ length: times }, () => ({ call: 'ask', input: { message: 'Pay it' } })), [{ text: 'Told.' }]],
    { name },
  )

describe('an agent as a tool', () => {
  test('runs by itself, and its last word is the result', async () => {
    const inner = agentOf({}, [[{ text: 'Forty-two.' }]], { name: 'inner' })
    await using shop = await openShop({ agents: [asking(inner)] })
    const { id } = await shop.start()
    const outer = await shop.until(id, isDone)
    expect(outer).toMatchObject({ status: 'COMPLETED', output: 'Told.', gated: false, path: ['outer'], parent: null })
    const entries = await shop.journal(id)
    expect(typesOf(entries)).toEqual([
      ...['started', 'model-responded', 'proposed', 'child-started', 'call-finished', 'model-responded', 'completed'],
    ])
    expect(entries[4]).toMatchObject({ outcome: { result: '"Forty-two."' } })
    const [call] = entries.flatMap((entry) => (entry.type === 'child-started' ? [entry] : []))
    const child = await shop.store.runs.get(childRunId(call?.callId as never))
    expect(child).toMatchObject({
      status: 'COMPLETED',
      message: 'Pay it',
      requestedBy: outer.requestedBy,
      parent: { runId: id, callId: call?.callId },
      path: ['outer', 'inner'],
    })
    expect(shop.errors).toEqual([])
  })

  test('its pause pauses whoever asked, three levels up, and its decision lets all go on', async () => {
    const { made, agent } = payer()
    const outer = asking(asking(asking(agent, 'c'), 'b'), 'a')
    await using shop = await openShop({ agents: [outer] })
    const { id } = await shop.start()
    await shop.until(id, isPaused)
    const listed = await shop.store.runs.list({ visible: { tenant: 'default' } }, 'OLDEST_FIRST', { limit: 10 })
    // Of one millisecond, they stand by their ids.
    const runs = listed.toSorted((one, other) => one.path.length - other.path.length)
    expect(runs.map(({ status, path, gated }: RunRecord) => [status, path.length, gated])).toEqual([
      ['PAUSED', 1, true],
      ['PAUSED', 2, true],
      ['PAUSED', 3, true],
      ['PAUSED', 4, true],
    ])
    const [approval] = await shop.pending(runs[3]?.id as never)
    if (!approval) throw new Error('There is none')
    expect(approval.path).toEqual(['a', 'b', 'c', 'payer'])
    expect(await shop.decide(approval)).toMatchObject({ __typename: 'ResolveApprovalSuccess' })
    expect(await shop.until(id, isDone)).toMatchObject({ status: 'COMPLETED' })
    expect([...made.made.values()]).toEqual([1])
    expect(typesOf(await shop.journal(id))).toEqual([
      ...['started', 'model-responded', 'proposed', 'child-started', 'paused', 'resumed', 'call-finished'],
      ...['model-responded', 'completed'],
    ])
    expect(shop.errors).toEqual([])
  })

  test('has a session that nobody can have begun before it', async () => {
    const inner = agentOf({}, [[{ text: 'Forty-two.' }]], { name: 'inner' })
    const tools = { ask: { ...asTool(inner), approval: 'required' as const } }
    const outer = agentOf(tools, [[{ call: 'ask', input: { message: 'Pay it' } }]], { name: 'outer' })
    await using shop = await openShop({ agents: [outer] })
    const { id } = await shop.start()
    await shop.until(id, isPaused)
    const [approval] = await shop.pending(id)
    if (!approval) throw new Error('There is none')
    // Whoever sees the run knows what the inner one will be called.
    const sessionId = `ses_${childRunId(approval.callId).slice(4)}`
    const bob = parsePrincipal({ id: 'bob', roles: ['REQUESTER'] })
    const taken = await startRun(shop.engine, bob, { agentName: 'outer', message: 'Mine', sessionId })
    expect(taken).toMatchObject({ __typename: 'StartRunSuccess' })
    await shop.decide(approval)
    expect(await shop.until(id, isDone)).toMatchObject({ status: 'COMPLETED' })
    expect(shop.errors).toEqual([])
  })

  test('with an approval to decide is known up to the outermost run at once, also while it works', async () => {
    const end = Promise.withResolvers<string>()
    const tools = {
      pay: tool({ inputSchema: z.object({}), approval: 'required', execute: () => 'paid' }),
      wait: tool({ inputSchema: z.object({}), execute: () => end.promise }),
    }
    const inner = agentOf(tools, [[{ call: 'wait' }, { call: 'pay' }]], { name: 'inner' })
    await using shop = await openShop({ agents: [asking(asking(inner, 'middle'))] })
    const { id } = await shop.start()
    expect(await shop.until(id, ({ gated }) => gated)).toMatchObject({ status: 'RUNNING' })
    end.resolve('done')
    await shop.until(id, isPaused)
  })
})

test('of a run whose journal was changed the runs that it asked for are cancelled, with their approvals', async () => {
  const { made, agent } = payer()
  await using shop = await openFileShop({ agents: [asking(agent)] })
  const { id } = await shop.start({ waitMs: 20_000 })
  const [begun] = (await shop.journal(id)).flatMap((entry) => (entry.type === 'child-started' ? [entry.childId] : []))
  const inner = await shop.until(begun as RunId, isPaused)
  const [approval] = await shop.pending(inner.id)
  const change = `UPDATE journal SET text = replace(text, 'Do it', 'Do that') WHERE run_id = ? AND seq = 1`
  expect(shop.write(change, id)).toBe(1)
  await shop.engine.worker.wake(id)
  expect(await shop.until(id, isDone)).toMatchObject({ status: 'FAILED', error: { code: 'TAMPERED' } })
  expect(await shop.until(inner.id, isDone)).toMatchObject({ status: 'CANCELLED' })
  expect(await shop.store.approvals.get(approval?.id as never)).toMatchObject({ status: 'CANCELLED' })
  expect(made.made.size).toBe(0)
})

test('a run whose record says that its journal is endless fails, and holds up nobody', async () => {
  const { agent } = payer()
  await using shop = await openFileShop({ agents: [asking(agent)] })
  const { id } = await shop.start({ waitMs: 20_000 })
  expect(shop.write('UPDATE runs SET seq = 1000000000000 WHERE id = ?', id)).toBe(1)
  await shop.engine.worker.wake(id)
  expect(await shop.until(id, isDone)).toMatchObject({ status: 'FAILED', error: { code: 'TAMPERED' } })
})
