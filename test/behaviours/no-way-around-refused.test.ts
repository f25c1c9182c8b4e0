import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineAgent, type ToolRecord } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'

// What somebody may take for a gated tool, or for a record of tools, and what is none.

const plain = { inputSchema: z.object({ id: z.string() }), execute: () => null }
const gated = () => tool({ ...plain, approval: 'required' })
const define = (tools: unknown) => defineAgent({ name: 'helper', model: scriptedModel([]), tools: tools as ToolRecord })

function fail(why: string): never {
  throw new Error(why)
}

describe('D7 what cannot be a tool is refused when its agent is defined', () => {
  /** Gives these one after the other, and the last again and again. */
  const saying = (field: string, ...answers: unknown[]) => {
    let said = 0
    return Object.defineProperty({ ...plain }, field, { get: () => answers[Math.min(said++, answers.length - 1)] })
  }
  const revoked = () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  }
  const { tools: ofAnAgent } = define({ wipe: gated() })

  const noTools: Record<string, () => unknown> = {
    'an approval that is said once': () => saying('approval', 'required', undefined),
    'an approval that is said late': () => saying('approval', undefined, 'required'),
    'an approval that becomes another': () => saying('approval', 'audit', 'required'),
    'a pause that is said once': () => saying('pause', 'confirmation', undefined),
    'a logApproval that is said once': () => saying('logApproval', true, undefined),
    'a needsApproval that is said once': () => saying('needsApproval', true, false),
    'a needsApproval that is a function once': () => saying('needsApproval', () => true, undefined),
    'an approval whose type is said late': () => ({ ...plain, approval: saying('type', undefined, 'required') }),
    'an approval under a symbol': () => ({ ...plain, [Symbol('approval')]: 'required' }),
    'an approval under a symbol of the registry': () => ({ ...plain, [Symbol.for('approval')]: 'required' }),
    'a misspelt approval that no list of fields shows': () =>
      Object.defineProperty({ ...plain }, 'aproval', { value: 'required' }),
    'an approval of a boxed string': () => ({ ...plain, approval: new String('required') }),
    'an approval that is a promise': () => ({ ...plain, approval: Promise.resolve('required') }),
    'an approval that is a function': () => ({ ...plain, approval: () => 'required' }),
    'an approval with an own __proto__': () => ({
      ...plain,
      approval: JSON.parse('{"__proto__":{"type":"required"}}'),
    }),
    'a needsApproval of a boxed boolean': () => ({ ...plain, needsApproval: new Boolean(true) }),
    'a needsApproval that is a promise': () => ({ ...plain, needsApproval: Promise.resolve(true) }),
    'a getter that throws': () => Object.defineProperty({ ...plain }, 'approval', { get: () => fail('Not now.') }),
    'an own __proto__': () => Object.defineProperty({ ...plain }, '__proto__', { value: gated(), enumerable: true }),
    'a revoked Proxy': revoked,
    'a function': () => Object.assign(() => null, gated()),
    'a class': () => class {},
    'a list': () => [gated()],
    'a Map': () => new Map(Object.entries(gated())),
    'a promise': () => Promise.resolve(gated()),
    'a tool as an agent has it': () => ofAnAgent.get('wipe'),
  }
  test.each(Object.entries(noTools))('D7 %s', (_, make) => {
    const names = expect.stringMatching(/^Agent 'helper': tool 'wipe': .{5,}/)
    expect(() => define({ wipe: make() })).toThrow(
      expect.objectContaining({ code: 'INVALID_DEFINITION', message: names }),
    )
  })

  const noRecords: Record<string, () => unknown> = {
    'a list of tools': () => [gated()],
    'a Map of tools': () => new Map([['wipe', gated()]]),
    'a Set of tools': () => new Set([gated()]),
    'a promise of tools': async () => ({ wipe: gated() }),
    'a function that makes another': () => () => () => ({ wipe: gated() }),
    'a generator of tools': function* () {
      yield gated()
    },
    'the tools of an agent': () => ofAnAgent,
    'an instance of a class': () =>
      new (class {
        wipe = gated()
      })(),
    'one that inherits its tools': () => Object.create({ wipe: gated() }),
    'one that inherits its tools from what has no prototype': () =>
      Object.create(Object.assign(Object.create(null), { wipe: gated() })),
    'a tool as its __proto__': () => ({ __proto__: gated() }),
    'a tool without a prototype as its __proto__': () => ({ __proto__: Object.assign(Object.create(null), gated()) }),
    'a tool under a symbol': () => ({ [Symbol('wipe')]: gated() }),
    'a revoked Proxy': revoked,
    'a getter that throws': () => Object.defineProperty({}, 'wipe', { get: () => fail('Not now.'), enumerable: true }),
    ...Object.fromEntries(
      ['', ' wipe', 'wipe\n', 'wi.pe', 'ｗipe', 'wipe\u200b', 'wi\u0000pe', '1wipe', 'w'.repeat(65)].map((name) => [
        `the name ${JSON.stringify(name)}`,
        () => ({ [name]: gated() }),
      ]),
    ),
  }
  test.each(Object.entries(noRecords))('D7 %s', (_, make) => {
    expect(() => define(make())).toThrow()
    if (typeof make() !== 'function') expect(() => define(() => make())).toThrow()
  })
})
