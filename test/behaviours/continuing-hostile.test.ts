import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { tool } from '../../src/agents/tool.ts'
import { agentOf, heard, ledger } from './support/agents.ts'
import { approvalsOf, callsOf, decide, finished, listApprovals, restart, start } from './support/api.ts'
import { nested, sortedJson } from './support/hostile-json.ts'
import { forEachStore } from './support/stores.ts'

// JSON texts, and what must come back: the same (null here), or what it is made when it is made well-formed.
const kept: Record<string, [text: string, back?: string]> = {
  'lone surrogates': ['{"a":"x\\ud800y","\\udc00":["\\udfff"]}', '{"a":"x\ufffdy","\ufffd":["\ufffd"]}'],
  'pairs of surrogates': ['{"a":"\\ud83d\\ude42"}'],
  NUL: ['{"a":"\\u0000","b\\u0000":"x\\u0000y"}'],
  'control characters': ['{"a":"\\u0001\\u001b[31m\\u007f\\u2028\\u2029\\ufeff"}'],
  _bsontype: ['{"_bsontype":"ObjectId","id":"x","nested":{"_bsontype":"Code","code":"while(1);"}}'],
  '$-keys and dots': ['{"$where":"1","$set":{"status":"APPROVED"},"a.b":{"$ne":null},"":{"":0}}'],
  __proto__: ['{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'],
  'names of every object': ['{"toString":1,"hasOwnProperty":null,"valueOf":"x","toJSON":"y","then":1}'],
  'numbers at the edge': ['{"a":9007199254740991,"b":-9007199254740991,"c":5e-324,"d":-1.5e-7,"e":0.1}'],
  '100 levels': [nested(100)],
  '10,000 members': [JSON.stringify(Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`k${n}`, n])))],
  'SQL and markup': [JSON.stringify({ a: `'; DROP TABLE runs; --`, b: '<script>alert(1)</script>', c: '{{x}}' })],
}
const refused: Record<string, string> = {
  'an integer beyond 2^53': '{"a":9007199254740993}',
  'a negative one': '{"a":-9007199254740992}',
  'the largest number': '{"a":1.7976931348623157e+308}',
  'a number beyond all': '{"a":1e400}',
  '101 levels': nested(101),
  '50,000 levels': nested(50_000),
  'two names that are one when well-formed': '{"\\ud800":1,"\\ud801":2}',
}

const anything = z.looseObject({})

forEachStore(({ serve }) => {
  /** A gated tool that takes anything; the model proposes the text as it is. */
  async function proposed(text: string, inputSchema: unknown = anything) {
    const made = ledger()
    const erase = tool({ inputSchema: inputSchema as typeof anything, approval: 'required', execute: made.enter })
    const { agent, prompts } = agentOf({ erase }, [[{ call: 'erase', input: text }]])
    const api = await serve({ agents: [agent] })
    return { api, made, prompts, run: await start(api) }
  }

  describe('C17 hostile arguments from a model', () => {
    test.each(Object.entries(kept))('C17 %s come back as they were, everywhere', async (_, [text, back = text]) => {
      const { api, made, prompts, run } = await proposed(text)
      await using _api = api
      const expected = JSON.parse(back)
      expect(run.status).toBe('PAUSED')
      await restart(api)
      const [approval] = await listApprovals(api, { runId: run.id })
      same(approval.arguments, expected)
      same(run.requirements[0].toolCall.arguments, expected)
      await decide(api, approval.id, { expectedFingerprint: approval.fingerprint })
      const over = await finished(api, run.id)
      expect(over).toMatchObject({ status: 'COMPLETED' })
      same(made.inputs(), [expected])
      same(callsOf(over)[0].arguments, expected)
      const asked = prompts[1]?.find(({ role }) => role === 'assistant')?.content
      same((asked as { input?: unknown }[] | undefined)?.[0]?.input, expected)
      notPolluted()
    })

    test.each(Object.entries(refused))('C17 %s is an error that the model hears, and no approval', async (_, text) => {
      const { api, made, prompts, run } = await proposed(text)
      await using _api = api
      expect(run).toMatchObject({ status: 'COMPLETED' })
      expect([approvalsOf(run), made.made]).toEqual([[], []])
      expect(heard(prompts[1])).toMatchObject([
        { output: { type: 'error-text', value: expect.stringContaining('argument') } },
      ])
    })
  })

  describe('C17 hostile results of a tool', () => {
    async function returned(make: () => unknown) {
      const look = tool({ inputSchema: z.object({}), approval: 'required', execute: make })
      const { agent, prompts } = agentOf({ look }, [[{ call: 'look' }]])
      await using api = await serve({ agents: [agent] })
      const run = await start(api)
      await decide(api, approvalsOf(run)[0].id)
      const over = await finished(api, run.id)
      await restart(api)
      expect(callsOf(await finished(api, run.id))).toEqual(callsOf(over))
      expect(over).toMatchObject({ status: 'COMPLETED', output: 'Done.' })
      return { call: callsOf(over)[0], output: heard(prompts[1])[0]?.output }
    }

    test.each(Object.entries(kept))('C17 %s come back as they were', async (_, [text, back = text]) => {
      const { call, output } = await returned(() => JSON.parse(text))
      expect(call).toMatchObject({ status: 'SUCCEEDED', error: null })
      same(call.result, JSON.parse(back))
      same(output, { type: 'json', value: JSON.parse(back) })
      notPolluted()
    })

    const cyclic: { self?: unknown } = {}
    cyclic.self = [cyclic]
    const shared = () => Array.from({ length: 60 }).reduce((below: unknown) => [below, below], 'x')
    const impossible: Record<string, () => unknown> = {
      ...Object.fromEntries(Object.entries(refused).map(([name, text]) => [name, () => JSON.parse(text)])),
      'a cyclic one': () => cyclic,
      'a BigInt': () => ({ a: 1n }),
      '2 MB': () => 'x'.repeat(2 * 1024 * 1024),
      '2 MB in UTF-8, and less in UTF-16': () => '€'.repeat(700_000),
      'a Map': () => new Map([['a', 1]]),
      'a Set within': () => ({ a: [new Set([1])] }),
      'a Buffer': () => new Uint8Array(3),
      NaN: () => ({ a: Number.NaN }),
      'a function': () => () => 1,
      'a symbol': () => [Symbol('x')],
      'one that stands in itself 2^60 times': shared,
      'a getter that throws': () => Object.defineProperty({}, 'a', { enumerable: true, get: fail }),
      'a toJSON that throws': () => ({ toJSON: fail }),
      'a revoked proxy': () => {
        const { proxy, revoke } = Proxy.revocable({}, {})
        queueMicrotask(revoke)
        return { a: proxy }
      },
    }
    function fail(): never {
      throw undefined
    }
    test.each(Object.entries(impossible))('C17 %s becomes an error that says the call ran', async (_, make) => {
      const { call, output } = await returned(make)
      expect(call).toMatchObject({ status: 'FAILED', result: null, error: expect.stringContaining('The call ran') })
      expect(output).toEqual({ type: 'error-text', value: call.error })
    })

    const plain: Record<string, [() => unknown, unknown]> = {
      undefined: [() => undefined, null],
      null: [() => null, null],
      'undefined within': [() => ({ a: undefined, b: [undefined] }), { b: [null] }],
      'a list with holes': [() => Object.assign([], { 2: 1 }), [null, null, 1]],
      'a date': [() => new Date(0), '1970-01-01T00:00:00.000Z'],
      'an object of a class': [
        () =>
          new (class {
            a = 1
          })(),
        { a: 1 },
      ],
      'minus zero': [() => ({ a: -0 }), { a: 0 }],
      'an empty string': [() => '', ''],
    }
    test.each(Object.entries(plain))('C17 %s is what JSON makes of it', async (_, [make, back]) => {
      const { call } = await returned(make)
      expect(call).toMatchObject({ status: 'SUCCEEDED', error: null })
      same(call.result, back)
    })
  })
})

/** As text, since comparisons of objects look away from a `__proto__` of their own. */
function same(value: unknown, expected: unknown): void {
  expect(sortedJson(value)).toBe(sortedJson(expected))
}

const notPolluted = () => expect(({} as Record<string, unknown>).polluted).toBeUndefined()
