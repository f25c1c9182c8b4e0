import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { fingerprint } from '../../src/approvals/fingerprint.ts'
import { approvalIdOf, callId, newRunId, type RunId } from '../../src/ids.ts'
import { type JsonText, toJsonText } from '../../src/json.ts'
import { type Admission, dispatch, type Permit } from '../../src/runs/dispatch.ts'
import type { Call } from '../../src/runs/fold.ts'
import type { ApprovalRecord } from '../../src/store/records.ts'
import { faulty, unavailable } from './faulty-store.ts'
import { ask, type Definition, proposeAndDecide, toolOf } from './gate-scene.ts'
import { callFinished, callOf, callStarted, stateAfterTurn } from './journal-of.ts'

const inputSchema = z.object({ id: z.string() })
const guarded: Definition = { inputSchema, approval: 'required', execute: () => 'deleted' }
const options = () => ({ abortSignal: new AbortController().signal, prompt: [] })

/** A guarded tool that notes what it was called with. */
function watched(more: Definition = {}) {
  const entered: unknown[] = []
  const execute = (input: unknown) => {
    entered.push(input)
    return 'deleted'
  }
  return { entered, definition: { inputSchema, approval: 'required', execute, ...more } }
}

function permitOf(admission: Admission): Permit {
  if (admission.verdict !== 'admitted') throw new Error(JSON.stringify(admission))
  return admission.permit
}

describe('dispatch', () => {
  test.each([{}, Object.freeze({}), Object.create(null), undefined, null, 7, 'permit'])(
    'does not take %o for a permit',
    async (thing) => {
      await expect(dispatch(thing as Permit, options())).rejects.toMatchObject({ code: 'NOT_PERMITTED' })
    },
  )

  test('does not take a copy of a permit for one', async () => {
    const { definition, entered } = watched()
    const permit = permitOf(await ask(await proposeAndDecide(definition)))
    await expect(dispatch({ ...permit }, options())).rejects.toMatchObject({ code: 'NOT_PERMITTED' })
    await expect(dispatch(structuredClone(permit), options())).rejects.toMatchObject({ code: 'NOT_PERMITTED' })
    await expect(dispatch(Object.create(permit), options())).rejects.toMatchObject({ code: 'NOT_PERMITTED' })
    expect(entered).toEqual([])
  })

  test('makes the call once for a permit, also when asked twice at once', async () => {
    const { definition, entered } = watched()
    const permit = permitOf(await ask(await proposeAndDecide(definition)))
    const answers = await Promise.allSettled([dispatch(permit, options()), dispatch(permit, options())])
    expect(answers).toMatchObject([
      { status: 'fulfilled', value: 'deleted' },
      { status: 'rejected', reason: { code: 'NOT_PERMITTED' } },
    ])
    await expect(dispatch(permit, options())).rejects.toMatchObject({ code: 'NOT_PERMITTED' })
    expect(entered).toEqual([{ id: 'u_1' }])
  })

  test('does not enter the tool once the lease is over, and the permit is spent', async () => {
    const { definition, entered } = watched()
    let held = true
    const permit = permitOf(await ask(await proposeAndDecide(definition), () => held))
    held = false
    await expect(dispatch(permit, options())).rejects.toMatchObject({ code: 'NOT_PERMITTED' })
    held = true
    await expect(dispatch(permit, options())).rejects.toMatchObject({ code: 'NOT_PERMITTED' })
    expect(entered).toEqual([])
  })

  test('gives the last value of a stream of them', async () => {
    const { definition } = watched({
      async *execute() {
        yield 'half'
        yield 'whole'
      },
    })
    expect(await dispatch(permitOf(await ask(await proposeAndDecide(definition))), options())).toBe('whole')
  })

  test('calls with the arguments as the approver wrote them', async () => {
    const { definition, entered } = watched()
    const scene = await proposeAndDecide(definition, { edited: toJsonText({ id: 'u_2' }) })
    await dispatch(permitOf(await ask(scene)), options())
    expect(entered).toEqual([{ id: 'u_2' }])
  })

  test("tells the tool our call's id, and gives it the signal to stop", async () => {
    const given: { toolCallId: string; abortSignal: AbortSignal }[] = []
    const look = (_: unknown, options: (typeof given)[number]) => given.push(options)
    const scene = await proposeAndDecide(watched({ execute: look }).definition)
    const stop = new AbortController()
    await dispatch(permitOf(await ask(scene)), { ...options(), abortSignal: stop.signal })
    expect(given).toMatchObject([{ toolCallId: scene.call.proposed.callId, abortSignal: stop.signal }])
  })
})

describe('the gate refuses', () => {
  const refuses = async (scene: Parameters<typeof ask>[0], why: RegExp) =>
    expect(await ask(scene)).toEqual({ verdict: 'refused', why: expect.stringMatching(why) })

  test('a call whose approval record is missing', async () => {
    await refuses({ ...(await proposeAndDecide(guarded)), record: null }, /record is missing/)
  })

  test.each(['PENDING', 'REJECTED', 'EXPIRED', 'CANCELLED'] as const)(
    'a call whose record is %s, whatever the journal says',
    async (status) => {
      const scene = await proposeAndDecide(guarded)
      const record = scene.record && { ...scene.record, status }
      await refuses({ ...scene, record }, new RegExp(`its approval is ${status}`))
    },
  )

  test.each([null, 'REJECTED', 'EXPIRED', 'CANCELLED'] as const)(
    'a call whose decision in the journal is %s, whatever the record says',
    async (verdict) => {
      const { call } = await proposeAndDecide(guarded, { verdict })
      await refuses({ ...(await proposeAndDecide(guarded)), call }, /nobody approved it/)
    },
  )

  test('a plain pause that nobody answered', async () => {
    const plain = { inputSchema, pause: 'confirmation', execute: () => 'sent' }
    await refuses(await proposeAndDecide(plain, { verdict: null }), /nobody approved it/)
    expect(await ask(await proposeAndDecide(plain))).toMatchObject({ verdict: 'admitted' })
  })

  test('a call that was made before, or is none', async () => {
    const scene = await proposeAndDecide(guarded)
    const { proposed } = scene.call
    const started = stateAfterTurn([proposed], callStarted(proposed.callId))
    const ended = stateAfterTurn([proposed], callStarted(proposed.callId), callFinished(proposed.callId))
    const invalid = stateAfterTurn([{ ...proposed, invalid: 'It is wrong.' }])
    for (const state of [started, ended, invalid]) {
      await refuses({ ...scene, call: callOf(state) }, /it was made before, or is no valid call/)
    }
  })

  test('a tool that is gone, or whose parameters have changed', async () => {
    const scene = await proposeAndDecide(guarded)
    await refuses({ ...scene, tool: undefined }, /'delete_user' is no longer there/)
    const changed = toolOf({ ...guarded, inputSchema: z.object({ id: z.string(), hard: z.boolean().default(true) }) })
    await refuses({ ...scene, tool: changed }, /the parameters of 'delete_user' have changed/)
  })

  test('a call whose tool got a gate after it was proposed, or a stricter one', async () => {
    const free = await proposeAndDecide({ inputSchema, execute: () => 'x' })
    const plain = { inputSchema, pause: 'confirmation', execute: () => 'x' }
    for (const tool of [toolOf(guarded), toolOf(plain), toolOf({ ...guarded, when: () => false })])
      await refuses({ ...free, tool }, /guarded more strictly now/)
    await refuses({ ...(await proposeAndDecide(plain)), tool: toolOf(guarded) }, /guarded more strictly now/)
  })

  test('nothing that was approved under a gate since taken away', async () => {
    const scene = await proposeAndDecide(guarded)
    expect(await ask({ ...scene, tool: toolOf({ inputSchema, execute: () => 'x' }) })).toMatchObject({
      verdict: 'admitted',
    })
  })
})

describe("what 'when' said at the proposal stands", () => {
  const conditional = (verdict: boolean) => ({ ...guarded, when: () => verdict })

  test('a no lets the call run, also when it would say yes now', async () => {
    const scene = await proposeAndDecide(conditional(false))
    expect(scene.record).toBeNull()
    expect(await ask({ ...scene, tool: toolOf(conditional(true)) })).toMatchObject({ verdict: 'admitted' })
  })

  test('a yes keeps the call waiting, also when it would say no now', async () => {
    const scene = await proposeAndDecide(conditional(true), { verdict: null })
    expect(await ask({ ...scene, tool: toolOf(conditional(false)) })).toMatchObject({ verdict: 'refused' })
  })

  test('a no says nothing about a gate that asks every time now', async () => {
    const scene = await proposeAndDecide(conditional(false))
    expect(await ask({ ...scene, tool: toolOf(guarded) })).toMatchObject({ verdict: 'refused' })
  })
})

describe('the gate takes for tampered', () => {
  const tampered = async (change: (record: ApprovalRecord) => ApprovalRecord, edited: JsonText | null = null) => {
    const scene = await proposeAndDecide(guarded, { edited })
    const record = scene.record && change(scene.record)
    // A record is found by its id: that of another call is found only where it was put in this one's place.
    const proposed = { ...scene.call.proposed, approvalId: record?.id ?? null }
    expect(await ask({ ...scene, call: { ...scene.call, proposed }, record })).toMatchObject({ verdict: 'tampered' })
  }
  const otherRun: RunId = newRunId()
  const otherCall = callId(otherRun, 3, 0)

  test.each<[string, (record: ApprovalRecord) => ApprovalRecord]>([
    ['another run', (record) => ({ ...record, runId: otherRun })],
    ['another call', (record) => ({ ...record, id: approvalIdOf(otherCall), callId: otherCall })],
    ['another tenant', (record) => ({ ...record, tenant: 'other' })],
    ['another tool', (record) => ({ ...record, toolName: 'list_users' })],
    ['other arguments', (record) => ({ ...record, arguments: toJsonText({ id: 'u_9' }) })],
    [
      'another fingerprint',
      (record) => ({ ...record, fingerprint: fingerprint('delete_user', 'x', record.arguments) }),
    ],
  ])('a record of %s', (_, change) => tampered(change))

  test('edited arguments that are not those of their fingerprint', () =>
    tampered(
      (record) => ({
        ...record,
        resolution: record.resolution && { ...record.resolution, fingerprint: record.fingerprint },
      }),
      toJsonText({ id: 'u_2' }),
    ))

  test('edited arguments without a fingerprint', () =>
    tampered(
      (record) => ({ ...record, resolution: record.resolution && { ...record.resolution, fingerprint: null } }),
      toJsonText({ id: 'u_2' }),
    ))

  test('edited arguments that are not those the journal heard of', async () => {
    const scene = await proposeAndDecide(guarded, { edited: toJsonText({ id: 'u_2' }) })
    const { record } = await proposeAndDecide(guarded, { edited: toJsonText({ id: 'u_3' }) })
    expect(await ask({ ...scene, record })).toMatchObject({ verdict: 'tampered' })
    const { record: unedited } = await proposeAndDecide(guarded)
    expect(await ask({ ...scene, record: unedited })).toMatchObject({ verdict: 'tampered' })
    const { call } = await proposeAndDecide(guarded)
    expect(await ask({ ...scene, call })).toMatchObject({ verdict: 'tampered' })
  })

  test('a journal whose arguments are not those of its fingerprint', async () => {
    const scene = await proposeAndDecide(guarded)
    const proposed = { ...scene.call.proposed, arguments: toJsonText({ id: 'u_9' }) }
    const call: Call = { ...scene.call, proposed }
    expect(await ask({ ...scene, call })).toMatchObject({ verdict: 'tampered' })
  })
})

test('a store that cannot be read permits nothing', async () => {
  const broken = ask(
    await proposeAndDecide(guarded),
    () => true,
    (store) => faulty(store, (method, call) => (method === 'approvals.get' ? Promise.reject(unavailable()) : call())),
  )
  await expect(broken).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
})
