import { GraphQLError } from 'graphql'
import { expect, test } from 'vitest'
import { converse, type Execute } from '../../src/server/conversation.ts'

/** A client that is let in, and what it was sent. */
async function talk(execute: Execute) {
  const sent: { id?: string; type: string; payload?: unknown }[] = []
  const conversation = converse(
    { send: async (text) => void sent.push(JSON.parse(text)), close: () => {} },
    {
      admit: async () => execute,
      errorsOf: () => [new GraphQLError('Refused.')],
      leaving: () => null,
      initTimeoutMs: 10_000,
    },
  )
  const say = (message: object) => conversation.receive(JSON.stringify(message))
  await say({ type: 'connection_init' })
  const begin = (id: string) => say({ id, type: 'subscribe', payload: { query: '{ __typename }' } })
  return { sent, begin, complete: (id: string) => say({ id, type: 'complete' }), [Symbol.dispose]: conversation.end }
}

test('operations that are completed and go on all the same are no way around the limit', async () => {
  const ends: (() => void)[] = []
  using client = await talk(() => new Promise((resolve) => ends.push(() => resolve({ data: {} }))))
  for (let n = 0; n < 300; n++) {
    void client.begin(`${n}`)
    await client.complete(`${n}`)
  }
  expect(ends).toHaveLength(200)
  expect(client.sent.filter(({ type }) => type === 'error').map(({ id }) => id)).toEqual(
    Array.from({ length: 100 }, (_, n) => `${200 + n}`),
  )
  for (const end of ends) end()
  // What was completed says nothing more, and leaves its place.
  await new Promise((resolve) => setImmediate(resolve))
  const last = client.begin('last')
  ends.at(-1)?.()
  await last
  expect(client.sent.filter(({ type }) => type === 'next')).toEqual([
    { id: 'last', type: 'next', payload: { data: {} } },
  ])
})

test('streams that are completed leave their places, however many', async () => {
  const over: IteratorReturnResult<undefined> = { done: true, value: undefined }
  const idle = () => {
    const ended = Promise.withResolvers<typeof over>()
    const end = async () => {
      ended.resolve(over)
      return over
    }
    const stream = { next: () => ended.promise, return: end }
    return { ...stream, [Symbol.asyncIterator]: () => stream }
  }
  using client = await talk(async () => idle())
  for (let n = 0; n < 500; n++) {
    void client.begin(`${n}`)
    await new Promise((resolve) => setImmediate(resolve))
    await client.complete(`${n}`)
  }
  expect(client.sent.map(({ type }) => type)).toEqual(['connection_ack'])
})
