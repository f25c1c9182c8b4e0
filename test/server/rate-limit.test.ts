import { expect, test } from 'vitest'
import { networkOf } from '../../src/server/failed-sign-ins.ts'
import { rateLimit } from '../../src/server/rate-limit.ts'

function clocked(perMinute: number, rememberAtMost?: number) {
  const clock = { ms: 0 }
  const limit = rateLimit(perMinute, () => clock.ms, rememberAtMost)
  /** How often `who` may do it now. */
  const doAll = (who: string) => {
    let times = 0
    for (; limit.wait(who) === 0 && times < 1_000; times++) limit.count(who)
    return times
  }
  return { clock, limit, doAll }
}

test('a minute’s worth may be done at once, and then as fast as it comes back, by each', () => {
  const { clock, limit, doAll } = clocked(60)
  expect(doAll('a')).toBe(60)
  expect(limit.wait('a')).toBe(1_000)
  clock.ms += 400
  expect(limit.wait('a')).toBe(600)
  expect(doAll('b')).toBe(60)
  clock.ms += 600
  expect(doAll('a')).toBe(1)
  clock.ms += 10_000
  expect(doAll('a')).toBe(10)
  clock.ms += 3_600_000
  expect(doAll('a')).toBe(60)
})

test('who waits as long as was said may do it, at any rate', () => {
  for (const perMinute of [1, 7, 601, 1e9]) {
    const { clock, limit } = clocked(perMinute)
    for (let times = 0; times < 700; times++) {
      clock.ms += limit.wait('a')
      expect([perMinute, limit.wait('a')]).toEqual([perMinute, 0])
      limit.count('a')
    }
  }
})

test('what is counted beyond the limit is not owed', () => {
  const { limit } = clocked(60)
  for (let times = 0; times < 200; times++) limit.count('a')
  expect(limit.wait('a')).toBe(1_000)
})

test('0 is no limit', () => {
  expect(clocked(0).doAll('a')).toBe(1_000)
})

test('no more are remembered than may be: who did it longest ago is forgotten', () => {
  const { limit, doAll } = clocked(1, 100)
  for (let who = 0; who < 100; who++) doAll(`${who}`)
  limit.count('0')
  doAll('one more')
  expect(limit.wait('1')).toBe(0)
  expect(limit.wait('0')).toBeGreaterThan(0)
})

test('of an IPv6 address its network counts', () => {
  for (const [address, network] of [
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::6', '2001:db8:1:2'],
    ['2001:db8::6', '2001:db8:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['::1', '0:0:0:0'],
  ])
    expect([address, networkOf(address ?? '')]).toEqual([address, network])
})
