import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { fingerprint } from '../../src/approvals/fingerprint.ts'
import { callId, newRunId } from '../../src/ids.ts'
import { toJsonText } from '../../src/json.ts'
import { dispatch } from '../../src/runs/dispatch.ts'
import type { ApprovalRecord } from '../../src/store/records.ts'
import { ask, cutOff, type Definition, proposeAndDecide, toolOf } from './gate-scene.ts'
import { callOf, callStarted, interrupted, resolution, stateAfterTurn } from './journal-of.ts'

const inputSchema = z.object({ id: z.string() })
const free: Definition = { inputSchema, execute: () => 'sent' }
const guarded: Definition = { ...free, approval: 'required' }
const plain: Definition = { ...free, pause: 'confirmation' }
const told = { result: toJsonText('told') }

describe('a call that was cut off is made again only by the word on that attempt:', () => {
  test.each([
    ['free', free],
    ['plain', plain],
    ['guarded', guarded],
  ])('a %s one is admitted with it', async (_, definition) => {
    expect(await ask(cutOff(await proposeAndDecide(definition)))).toMatchObject({ verdict: 'admitted' })
  })

  test('with the arguments that were approved', async () => {
    const entered: unknown[] = []
    const noting = { ...guarded, execute: (input: unknown) => entered.push(input) }
    const admission = await ask(cutOff(await proposeAndDecide(noting, { edited: toJsonText({ id: 'u_2' }) })))
    if (admission.verdict !== 'admitted') throw new Error(JSON.stringify(admission))
    await dispatch(admission.permit, { abortSignal: new AbortController().signal, prompt: [] })
    expect(entered).toEqual([{ id: 'u_2' }])
  })

  const refuses = async (scene: Parameters<typeof ask>[0], why: RegExp) => {
    const admission = await ask(scene)
    expect(admission).toEqual({ verdict: 'refused', why: expect.stringMatching(why) })
    // It may have run: the model is not told otherwise.
    expect(admission).toEqual({ verdict: 'refused', why: expect.stringMatching(/nobody knows whether it happened/) })
    expect(admission).not.toEqual({ verdict: 'refused', why: expect.stringContaining('did not run') })
  }

  test('not without its record, though the first approval is there', async () => {
    await refuses({ ...cutOff(await proposeAndDecide(guarded)), doubt: null }, /approval to make it again is missing/)
  })

  test.each(['PENDING', 'REJECTED', 'EXPIRED', 'CANCELLED'] as const)(
    'not by a record that is %s, whatever the journal says',
    async (status) => {
      const scene = cutOff(await proposeAndDecide(guarded))
      const record = status === 'PENDING' ? { status, resolution: null } : { status, resolution: resolution(status) }
      await refuses({ ...scene, doubt: { ...scene.doubt, ...record } }, /nobody approved to make it again/)
    },
  )

  test('not by a status that somebody set by hand', async () => {
    const scene = cutOff(await proposeAndDecide(free))
    await refuses({ ...scene, doubt: { ...scene.doubt, resolution: null } }, /nobody approved to make it again/)
    const expired = { ...resolution('APPROVED'), cause: 'DEADLINE' as const }
    await refuses({ ...scene, doubt: { ...scene.doubt, resolution: expired } }, /nobody approved to make it again/)
  })

  test('not by one that says how it ended', async () => {
    const scene = cutOff(await proposeAndDecide(free))
    const ended = { ...scene.doubt, resolution: resolution('APPROVED', { outcome: told }) }
    await refuses({ ...scene, doubt: ended }, /nobody approved to make it again/)
    await refuses(cutOff(await proposeAndDecide(free), { outcome: told }), /made before/)
  })

  test('not while nobody has heard of it', async () => {
    const open = cutOff(await proposeAndDecide(free), { decided: false })
    const { doubt } = cutOff(await proposeAndDecide(free))
    expect(await ask(open)).toMatchObject({ verdict: 'refused' })
    expect(await ask({ ...open, doubt })).toMatchObject({ verdict: 'refused' })
  })

  test('not without the first approval', async () => {
    await refuses({ ...cutOff(await proposeAndDecide(guarded)), record: null }, /its approval record is missing/)
  })

  test('not when the tool is gone, has other parameters, or is guarded more strictly now', async () => {
    const scene = cutOff(await proposeAndDecide(free))
    await refuses({ ...scene, tool: undefined }, /no longer there/)
    const changed = toolOf({ ...free, inputSchema: z.object({ id: z.string(), hard: z.boolean().default(true) }) })
    await refuses({ ...scene, tool: changed }, /parameters of 'delete_user' have changed/)
    await refuses({ ...scene, tool: toolOf(guarded) }, /guarded more strictly now/)
  })
})

describe('the gate takes for tampered, of a call that was cut off,', () => {
  const otherRun = newRunId()
  test.each<[string, (record: ApprovalRecord) => Partial<ApprovalRecord>]>([
    ['another run', () => ({ runId: otherRun })],
    ['another call', () => ({ callId: callId(otherRun, 3, 0) })],
    ['another tenant', () => ({ tenant: 'other' })],
    ['another tool', () => ({ toolName: 'list_users' })],
    ['another kind', () => ({ kind: 'CONFIRMATION' })],
    ['other arguments', () => ({ arguments: toJsonText({ id: 'u_9' }) })],
    ['another fingerprint', ({ arguments: args }) => ({ fingerprint: fingerprint('delete_user', 'x', args) })],
    ['the arguments that were proposed, where others were approved', () => ({ arguments: toJsonText({ id: 'u_1' }) })],
  ])('a record of %s', async (_, change) => {
    const scene = cutOff(await proposeAndDecide(guarded, { edited: toJsonText({ id: 'u_2' }) }))
    expect(await ask({ ...scene, doubt: { ...scene.doubt, ...change(scene.doubt) } })).toMatchObject({
      verdict: 'tampered',
    })
  })
})

test('a call that may be made again passes the gate as it did, and is refused as one that may have happened', async () => {
  const scene = await proposeAndDecide(free)
  const { callId: id } = scene.call.proposed
  const again = (didNotHappen: boolean) => ({
    ...scene,
    call: callOf(stateAfterTurn([scene.call.proposed], callStarted(id), interrupted(id, didNotHappen))),
  })
  expect(await ask(again(false))).toMatchObject({ verdict: 'admitted' })
  expect(await ask({ ...again(false), tool: toolOf(guarded) })).toMatchObject({
    why: expect.stringMatching(/nobody knows whether it happened.*guarded more strictly/),
  })
  expect(await ask({ ...again(true), tool: toolOf(guarded) })).toMatchObject({
    why: expect.stringContaining('The call did not run'),
  })
})
