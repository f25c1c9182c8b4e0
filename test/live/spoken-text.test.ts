import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { newRunId } from '../../src/ids.ts'
import { createSpokenText, type SpokenText } from '../../src/live/spoken-text.ts'

const runId = newRunId()
const say = (spoken: SpokenText, step: number, offset: number, delta: string) =>
  spoken.hear({ runId, step, offset, delta, at: 1 })
const takeAll = (spoken: SpokenText, step: number) => {
  const taken: [number, string][] = []
  for (let piece = spoken.take(step); piece; piece = spoken.take(step)) taken.push([piece.offset, piece.delta])
  return taken
}

describe('text that nobody has pulled yet', () => {
  test('is one piece where it hangs together', () => {
    const spoken = createSpokenText()
    say(spoken, 0, 5, 'ab')
    say(spoken, 0, 7, 'c')
    say(spoken, 0, 9, 'e')
    expect(takeAll(spoken, 0)).toEqual([
      [5, 'abc'],
      [9, 'e'],
    ])
  })

  test('is void when the step begins anew', () => {
    const spoken = createSpokenText()
    say(spoken, 0, 0, 'broken')
    say(spoken, 0, 0, 'whole')
    expect(takeAll(spoken, 0)).toEqual([[0, 'whole']])
  })

  test('is kept for the step that comes, and dropped for one that is past', () => {
    const spoken = createSpokenText()
    say(spoken, 0, 0, 'past')
    say(spoken, 1, 0, 'present')
    say(spoken, 2, 0, 'future')
    expect(takeAll(spoken, 1)).toEqual([[0, 'present']])
    expect(spoken.step).toBe(2)
    expect(takeAll(spoken, 0)).toEqual([])
    expect(takeAll(spoken, 2)).toEqual([[0, 'future']])
  })

  test('once dropped for its length stays away until the step begins anew, or the next one', () => {
    const spoken = createSpokenText()
    say(spoken, 0, 0, 'x'.repeat(70_000))
    say(spoken, 0, 70_000, 'rest')
    expect(takeAll(spoken, 0)).toEqual([])
    say(spoken, 0, 0, 'anew')
    expect(takeAll(spoken, 0)).toEqual([[0, 'anew']])
    say(spoken, 0, 4, 'x'.repeat(70_000))
    say(spoken, 1, 0, 'next')
    expect(takeAll(spoken, 1)).toEqual([[0, 'next']])
  })

  test('never is more than its bound, in length or in pieces', () => {
    const delta = fc.record({ step: fc.nat(3), offset: fc.nat(5), length: fc.integer({ min: 1, max: 20_000 }) })
    fc.assert(
      fc.property(fc.array(delta, { size: 'max', maxLength: 200 }), (deltas) => {
        const spoken = createSpokenText()
        for (const { step, offset, length } of deltas) say(spoken, step, offset, 'x'.repeat(length))
        const kept = [0, 1, 2, 3].flatMap((step) => takeAll(spoken, step))
        const size = kept.reduce((sum, [, text]) => sum + text.length, 0)
        expect(size).toBeLessThanOrEqual(64 * 1024)
      }),
    )
    const spoken = createSpokenText()
    for (let count = 0; count < 100_000; count++) say(spoken, 0, 1 + count * 2, 'x')
    expect(takeAll(spoken, 0).length).toBeLessThanOrEqual(1_024)
  })
})
