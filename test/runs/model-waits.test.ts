import { APICallError } from '@ai-sdk/provider'
import { expect, test } from 'vitest'
import { waitAfter } from '../../src/runs/ask-model.ts'

const busy = (responseHeaders: Record<string, string>) =>
  new APICallError({ message: 'Busy', url: 'http://model', requestBodyValues: {}, statusCode: 429, responseHeaders })

test.each([
  ['nothing else is said: half a second', new Error('The connection broke.'), 0, 500],
  ['it fails again: twice as long each time', new Error('The connection broke.'), 3, 4_000],
  ['it has failed very often: a minute', new Error('The connection broke.'), 20, 60_000],
  ['the provider names seconds: those', busy({ 'retry-after': '7' }), 3, 7_000],
  ['the provider names milliseconds: those', busy({ 'retry-after-ms': '250', 'retry-after': '7' }), 3, 250],
  ['the provider names more than a minute: a minute', busy({ 'retry-after': '3600' }), 0, 60_000],
  [
    'the provider names a date: as if nothing were said',
    busy({ 'retry-after': 'Fri, 27 Nov 2026 07:28:00 GMT' }),
    1,
    1_000,
  ],
])('a model is asked again, where %s', (_, error, attempt, expected) => {
  expect(waitAfter(error, attempt)).toBe(expected)
})
