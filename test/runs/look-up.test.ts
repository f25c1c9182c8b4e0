import { expect, test } from 'vitest'
import { z } from 'zod'
import { findOut } from '../../src/runs/make-call.ts'
import { toolOf } from './gate-scene.ts'
import { callOf, callStarted, proposedCall, stateAfterTurn } from './journal-of.ts'

const proposed = proposedCall('valid')
const call = callOf(stateAfterTurn([proposed], callStarted(proposed.callId)))
/** A look-up that ends at nothing. */
function silent() {
  const asked = Promise.withResolvers<AbortSignal>()
  const tool = toolOf({
    inputSchema: z.object({}),
    execute: () => 'done',
    reconcile(_: unknown, { abortSignal }: { abortSignal: AbortSignal }) {
      asked.resolve(abortSignal)
      return new Promise(() => {})
    },
  })
  return { tool, asked: asked.promise }
}

test('a look-up that stays silent cannot tell, and is told to stop', async () => {
  const { tool, asked } = silent()
  const bounds = { limit: 1_000, abortSignal: new AbortController().signal, patienceMs: 20 }
  expect(await findOut(call, tool, bounds)).toBe('unknown')
  expect(await asked).toMatchObject({ aborted: true, reason: { name: 'TimeoutError' } })
})

test('a look-up that is told to stop is not waited for', async () => {
  const { tool, asked } = silent()
  const stop = new AbortController()
  const found = findOut(call, tool, { limit: 1_000, abortSignal: stop.signal })
  const signal = await asked
  stop.abort()
  await found
  expect(signal.aborted).toBe(true)
})
