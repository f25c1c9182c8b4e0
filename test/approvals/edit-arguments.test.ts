import { jsonSchema } from 'ai'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { readTool } from '../../src/agents/read-tool.ts'
import { readEditedArguments } from '../../src/approvals/edit-arguments.ts'

const read = (inputSchema: unknown, given: unknown, limit = 10_000) =>
  readEditedArguments(readTool('t', { inputSchema, approval: 'required', execute: () => 1 }).schema, given, limit)
const textOf = async (inputSchema: unknown, given: unknown) => {
  const edited = await read(inputSchema, given)
  if (!edited.ok) throw new Error(JSON.stringify(edited.issues))
  return JSON.parse(edited.text)
}
const issuesOf = async (inputSchema: unknown, given: unknown, limit?: number) => {
  const edited = await read(inputSchema, given, limit)
  return edited.ok ? [] : edited.issues.map(({ path }) => path.join('.'))
}

const order = z.object({
  id: z.string(),
  count: z.number().int().default(1),
  options: z.object({ gift: z.boolean().default(false), note: z.string().optional() }).optional(),
})

describe('edited arguments', () => {
  test('are kept as they were written, in canonical form', async () => {
    expect(await read(order, { id: 'x', count: 2 })).toEqual({ ok: true, text: '{"count":2,"id":"x"}' })
  })
  test('have what was left out filled in, at every depth', async () => {
    expect(await textOf(order, { id: 'x' })).toEqual({ id: 'x', count: 1 })
    expect(await textOf(order, { id: 'x', options: {} })).toEqual({ id: 'x', count: 1, options: { gift: false } })
  })
  test('have it filled in in lists too', async () => {
    const schema = z.object({ items: z.array(z.object({ sku: z.string(), quantity: z.number().default(1) })) })
    expect(await textOf(schema, { items: [{ sku: 'a' }] })).toEqual({ items: [{ sku: 'a', quantity: 1 }] })
  })
  test('are not changed by a schema that changes its value: that was done when they were proposed', async () => {
    const schema = z.object({ amount: z.number().overwrite((x) => x * 2), name: z.string().trim() })
    expect(await textOf(schema, { amount: 5, name: ' a ' })).toEqual({ amount: 5, name: ' a ' })
  })
  test('are of the type that the tool takes, also where its schema takes another', async () => {
    const schema = z.object({ amount: z.coerce.number() })
    expect(await textOf(schema, { amount: '5' })).toEqual({ amount: 5 })
  })
})

describe('refused, with the place, are', () => {
  test.each<[string, unknown, string[]]>([
    ['no object', 'x', ['approve.arguments']],
    ['a list', [], ['approve.arguments']],
    ['what is no JSON', { id: 1n }, ['approve.arguments']],
    ['a missing parameter', {}, ['approve.arguments.id']],
    ['a wrong type', { id: 7, count: 'x' }, ['approve.arguments.id', 'approve.arguments.count']],
    ['an unknown parameter', { id: 'x', idd: 'y' }, ['approve.arguments.idd']],
    ['one deep inside', { id: 'x', options: { gift: true, gft: 1 } }, ['approve.arguments.options.gft']],
    ['__proto__', JSON.parse('{"id":"x","__proto__":{"count":2}}'), ['approve.arguments.__proto__']],
  ])('%s', async (_, given, paths) => expect(await issuesOf(order, given)).toEqual(paths))

  test('an unknown parameter in a list', async () => {
    const schema = z.object({ items: z.array(z.object({ sku: z.string() })) })
    expect(await issuesOf(schema, { items: [{ sku: 'a', all: true }] })).toEqual(['approve.arguments.items.0.all'])
  })
  test('arguments over the limit, counted with what was filled in', async () => {
    expect(await issuesOf(order, { id: 'x' }, 19)).toEqual(['approve.arguments'])
    expect(await issuesOf(order, { id: 'x' }, 20)).toEqual([])
  })
})

test('a schema of the AI SDK that only describes is checked all the same', async () => {
  const schema = jsonSchema({ type: 'object', properties: { id: { type: 'string' } }, required: ['id'] })
  expect(await issuesOf(schema, {})).not.toEqual([])
  expect(await textOf(schema, { id: 'x' })).toEqual({ id: 'x' })
})
