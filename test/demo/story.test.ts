import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { playStory } from '../../src/demo/story.ts'

test('the story is played over real processes, and ends with 0 because the rows say so', {
  timeout: 15_000,
}, async () => {
  const stream = new PassThrough()
  const told = text(stream)
  const code = await playStory(stream)
  stream.end()
  const story = await told
  expect(code, story).toBe(0)
  // Of two decisions at once one wins, and the other hears of it.
  expect(story.match(/(Ada|Ben) +decided: (APPROVED|REJECTED)/g)).toHaveLength(3)
  expect(story.match(/(Ada|Ben) +is too late: what stands is (APPROVED|REJECTED) by (Ada|Ben)/g)).toHaveLength(3)
  expect(story).toContain('is killed (SIGKILL)')
  expect(story.match(/Rows .*/g)?.map((line) => line.replace(/ +/, ' '))).toEqual([
    'Rows of u_42: 1 user, 3 orders',
    'Rows of u_42: 0 users, 0 orders',
    'Rows of u_3: 1 user, 3 orders',
    'Rows of u_3: 1 user, 3 orders',
    'Rows of u_6: 1 user, 3 orders',
    'Rows of u_6: 0 users, 0 orders',
  ])
})
