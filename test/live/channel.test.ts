import { afterEach, describe, expect, test, vi } from 'vitest'
import { CountersignError } from '../../src/errors.ts'
import { openChannel, openChannelAfter, type Taken } from '../../src/live/channel.ts'

afterEach(() => void vi.useRealTimers())

/** A source that has what is put into it. */
function source<Item>() {
  const items: Taken<Item>[] = []
  let wake: (() => void) | undefined
  return {
    attach(given: () => void): Disposable {
      wake = given
      return {
        [Symbol.dispose]() {
          wake = undefined
        },
      }
    },
    take: async (): Promise<Taken<Item>> => items.shift() ?? 'nothing yet',
    put(...given: Taken<Item>[]) {
      items.push(...given)
      wake?.()
    },
    isAttached: () => wake !== undefined,
  }
}

describe('a channel', () => {
  test('is attached when it is opened, so that nothing before the first pull is lost', async () => {
    const numbers = source<number>()
    const channel = openChannel(numbers)
    numbers.put({ value: 1 })
    expect(await channel.next()).toEqual({ done: false, value: 1 })
  })

  test('gives the items in order to several who wait at once', async () => {
    const numbers = source<number>()
    const channel = openChannel(numbers)
    const waiting = [channel.next(), channel.next(), channel.next()]
    numbers.put({ value: 1 }, { value: 2 })
    numbers.put('over')
    expect(await Promise.all(waiting)).toEqual([
      { done: false, value: 1 },
      { done: false, value: 2 },
      { done: true, value: undefined },
    ])
    expect(numbers.isAttached()).toBe(false)
  })

  test('does not lose a wake-up that comes while its source is asked', async () => {
    const asked = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<void>()
    const numbers = source<number>()
    let first = true
    const channel = openChannel<number>({
      attach: numbers.attach,
      async take() {
        if (!first) return numbers.take()
        first = false
        asked.resolve()
        await answer.promise
        return 'nothing yet'
      },
    })
    const next = channel.next()
    await asked.promise
    numbers.put({ value: 1 })
    answer.resolve()
    expect(await next).toEqual({ done: false, value: 1 })
  })

  test('ends while a next() waits, and is detached at once', async () => {
    const numbers = source<number>()
    const channel = openChannel(numbers)
    const next = channel.next()
    const ended = channel.return()
    expect(numbers.isAttached()).toBe(false)
    expect(await next).toEqual({ done: true, value: undefined })
    expect(await ended).toEqual({ done: true, value: undefined })
    expect(await channel.next()).toEqual({ done: true, value: undefined })
  })

  test('ends while its source is asked, and nobody hears how that read failed', async () => {
    const read = Promise.withResolvers<Taken<number>>()
    const channel = openChannel<number>({ attach: source().attach, take: () => read.promise })
    const next = channel.next()
    await channel.return()
    expect((await next).done).toBe(true)
    read.reject(new Error('too late'))
    await expect(read.promise).rejects.toThrow('too late') // an unhandled rejection fails the test run
  })

  test('ends with the error of its source, told once', async () => {
    const numbers = source<number>()
    const channel = openChannel<number>({ attach: numbers.attach, take: () => Promise.reject(new Error('broken')) })
    const [first, second] = [channel.next(), channel.next()]
    await expect(first).rejects.toThrow('broken')
    expect((await second).done).toBe(true)
    expect(numbers.isAttached()).toBe(false)
  })

  test('ends by throw() and by leaving a loop', async () => {
    const numbers = source<number>()
    await expect(openChannel(numbers).throw(new Error('enough'))).rejects.toThrow('enough')
    expect(numbers.isAttached()).toBe(false)
    const channel = openChannel(numbers)
    numbers.put({ value: 1 })
    for await (const _ of channel) break
    expect(numbers.isAttached()).toBe(false)
  })

  test('waits for a store that cannot be reached', async () => {
    vi.useFakeTimers()
    let reads = 0
    const channel = openChannel<number>({
      attach: source().attach,
      async take() {
        reads += 1
        if (reads < 3) throw new CountersignError('STORE_UNAVAILABLE', 'away')
        return { value: reads }
      },
    })
    const next = channel.next()
    await vi.advanceTimersByTimeAsync(2_000)
    expect(await next).toEqual({ done: false, value: 3 })
  })

  test('leaves no timer when it is ended while the store is away', async () => {
    vi.useFakeTimers()
    const take = () => Promise.reject(new CountersignError('STORE_UNAVAILABLE', 'away'))
    const channel = openChannel<number>({ attach: source().attach, take })
    const next = channel.next()
    await vi.advanceTimersByTimeAsync(0)
    expect(vi.getTimerCount()).toBe(1)
    await channel.return()
    expect(vi.getTimerCount()).toBe(0)
    expect((await next).done).toBe(true)
  })

  test('whose opening fails is not attached', async () => {
    const numbers = source<number>()
    const opening = openChannelAfter<number>(numbers.attach, async () => {
      expect(numbers.isAttached()).toBe(true)
      throw new Error('not found')
    })
    await expect(opening).rejects.toThrow('not found')
    expect(numbers.isAttached()).toBe(false)
  })
})
