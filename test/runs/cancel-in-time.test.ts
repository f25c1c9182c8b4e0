import type { LanguageModelV4 } from '@ai-sdk/provider'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import type { RunId } from '../../src/ids.ts'
import type { CancelRunResult } from '../../src/results.ts'
import { cancelRun } from '../../src/runs/cancel.ts'
import { readEntry } from '../../src/runs/journal.ts'
import { loadState } from '../../src/runs/load.ts'
import { toolCalls } from '../../src/runs/view.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Step } from '../../src/store/store.ts'
import { type Around, faulty, turns } from './faulty-store.ts'
import { agentOf, isDone, openShop, openWorkplace, rita, tally, typesOf, type Workplace } from './workshop.ts'

const inputSchema = z.object({})

/** A run whose approval is given, and for which this happens once around the call of the store that `isIt` picks after that. */
async function approved(isIt: (method: string, args: readonly unknown[]) => boolean, happens: Happens) {
  const { mark, made } = tally()
  const agent = agentOf({ guarded: { inputSchema, approval: 'required', execute: mark } }, [[{ call: 'guarded' }]])
  let armed = false
  const around: Around = async (method, call, args) => {
    if (!armed || !isIt(method, args)) {
      const answer = await call()
      if (method === 'approvals.decide') armed = true
      return answer
    }
    armed = false
    return happens(call, shop, id)
  }
  const shop = await openShop({ agents: [agent] }, { change: (store) => faulty(store, around) })
  const { id } = await shop.start({ waitMs: 20_000 })
  const [approval] = await shop.pending(id)
  if (!approval) throw new Error('An approval was expected.')
  expect(await shop.decide(approval)).toMatchObject({ __typename: 'ResolveApprovalSuccess' })
  return { shop, id, made, approval, [Symbol.asyncDispose]: () => shop[Symbol.asyncDispose]() }
}
type Happens = (call: () => Promise<unknown>, shop: Workplace, id: RunId) => Promise<unknown>
const readsApprovals = (method: string) => method === 'approvals.getMany'
const startsCalls = (method: string, args: readonly unknown[]) =>
  method === 'runs.step' && (args[0] as Step).entries.some((entry) => readEntry(entry).type === 'call-started')
const cancel = () => ({ by: rita.id, at: Date.now(), reason: null })

describe('a cancel that commits before the call is on record wins: the tool is not entered', () => {
  test('while the approval is read that the gate goes by', async () => {
    const cancelling = Promise.withResolvers<CancelRunResult>()
    await using scene = await approved(readsApprovals, async (call, { engine, store }, id) => {
      const record = await call()
      cancelling.resolve(cancelRun(engine, rita, { runId: id }))
      while (!(await store.runs.get(id))?.cancelRequested) await turns(1)
      return record
    })
    const { shop, id, made } = scene
    expect(await cancelling.promise).toMatchObject({ __typename: 'CancelRunSuccess', run: { status: 'CANCELLED' } })
    expect(made.size).toBe(0)
    expect(typesOf(await shop.journal(id))).not.toContain('call-started')
  })

  test('while call-started is being written', async () => {
    await using scene = await approved(startsCalls, async (call, { store }, id) => {
      await store.runs.signal(id, cancel())
      return call()
    })
    const { shop, id, made, approval } = scene
    expect(await shop.until(id, isDone)).toMatchObject({ status: 'CANCELLED', lease: null })
    expect(made.size).toBe(0)
    const entries = await shop.journal(id)
    expect(typesOf(entries).slice(-3)).toEqual(['call-started', 'decided', 'cancelled'])
    expect(entries.at(-2)).toMatchObject({
      decisions: [{ callId: approval.callId, verdict: 'CANCELLED', by: rita.id }],
    })
    // Started on record and never entered: nobody is to believe that its outcome is unknown.
    expect(toolCalls(new Map(), { id, agentName: 'agent' }, await loadState(shop.store, id))).toMatchObject([
      { status: 'CANCELLED', result: null },
    ])
  })

  test('and one that commits after it does not undo the call, which is recorded as it ended', async () => {
    await using scene = await approved(startsCalls, async (call, { store }, id) => {
      const written = await call()
      await store.runs.signal(id, cancel())
      return written
    })
    const { shop, id, made } = scene
    expect(await shop.until(id, isDone)).toMatchObject({ status: 'CANCELLED' })
    expect([...made.values()]).toEqual([1])
    expect((await shop.journal(id)).at(-2)).toMatchObject({ type: 'call-finished', outcome: { result: '"done"' } })
  })
})

// Not yet: the drive takes the claim's record for the present one, and the signal is heard when the lease is renewed.
test('a cancel that commits while a run that was taken over is being read is seen before its model is asked', async () => {
  await using store = await openSqliteStore({ path: ':memory:' })
  let asked = 0
  const model: LanguageModelV4 = {
    ...scriptedModel([]),
    doStream: () => {
      asked += 1
      return new Promise(() => {})
    },
  }
  const agents = [agentOf({}, [], { model })]
  const first = await openWorkplace({ agents, store })
  const { id } = await first.start()
  while (asked === 0) await turns(1)
  await first[Symbol.asyncDispose]()
  asked = 0
  const opened = Promise.withResolvers<Workplace>()
  const cancelling = Promise.withResolvers<CancelRunResult>()
  let isRead = false
  const around: Around = async (method, call) => {
    const answer = await call()
    if (method === 'journal.read' && !isRead) {
      isRead = true
      cancelling.resolve(cancelRun((await opened.promise).engine, rita, { runId: id }))
      // The request, and the worker's own signal, since it is not there yet to be told.
      while (((await store.runs.get(id))?.signals ?? 0) < 2) await turns(1)
    }
    return answer
  }
  await using second = await openWorkplace({ agents, store: faulty(store, around) })
  opened.resolve(second)
  expect(await cancelling.promise).toMatchObject({ __typename: 'CancelRunSuccess', run: { status: 'CANCELLED' } })
  expect(asked).toBe(0)
})
