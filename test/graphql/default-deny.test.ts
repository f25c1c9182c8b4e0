import { RequestCache } from '@pothos/plugin-scope-auth'
import { execute, isObjectType, subscribe } from 'graphql'
import { expect, test } from 'vitest'
import { builder } from '../../src/graphql/builder.ts'
import type { GraphQLContext } from '../../src/graphql/context.ts'
import { denyUnmarked, unmarked } from '../../src/graphql/default-deny.ts'
import { eachEvent } from '../../src/graphql/each-event.ts'
import { parseDocument } from '../../src/graphql/limits.ts'
import { Run } from '../../src/graphql/refs.ts'
import { schema } from '../../src/graphql/schema.ts'
import type { RunId } from '../../src/ids.ts'
import { admin, type Harness, openHarness, stranger } from './harness.ts'

test('every field has a rule, of its own or of its type, or its type is marked as public', () => {
  expect(unmarked(schema).map(({ type, field }) => `${type.name}.${field.name}`)).toEqual([])
})

test('runs and approvals have a rule of their own, which no way to them goes around', () => {
  const ruled = Object.values(schema.getTypeMap()).filter(
    (type) => isObjectType(type) && Object(type.extensions.pothosOptions).authScopes !== undefined,
  )
  expect(ruled.map(({ name }) => name)).toEqual(['Approval', 'Run'])
})

// What somebody may add one day and forget to think about.
builder.queryField('forgotten', (t) => t.string({ description: '', resolve: () => 'a secret' }))
builder.mutationField('forgottenToo', (t) => t.string({ description: '', resolve: () => 'a secret' }))
builder.subscriptionField('watchForgotten', (t) =>
  t.string({
    description: '',
    async *subscribe() {
      yield 'a secret'
    },
    resolve: () => 'a secret',
  }),
)
const Forgotten = builder.objectRef<object>('Forgotten').implement({
  description: '',
  fields: (t) => ({ secret: t.string({ description: '', resolve: () => 'a secret' }) }),
})
builder.queryFields((t) => ({
  wayToForgotten: t.field({ type: Forgotten, description: '', authScopes: { signedIn: true }, resolve: () => ({}) }),
  anyRun: t.field({
    type: Run,
    nullable: true,
    description: '',
    authScopes: { signedIn: true },
    args: { id: t.arg.id({ required: true, description: '' }) },
    resolve: (_root, { id }, { engine }) => engine.store.runs.get(id as RunId),
  }),
}))
const withForgotten = denyUnmarked(builder.toSchema())

const contextOf = ({ engine }: Harness, principal = admin): GraphQLContext => ({
  engine,
  principal,
  requestId: 'req_1',
  countStart() {},
})

test.each([
  ['a field of Query', '{ forgotten }', 'Query.forgotten'],
  ['a field of Mutation', 'mutation { forgottenToo }', 'Mutation.forgottenToo'],
  ['a type', '{ wayToForgotten { secret } }', 'Forgotten.secret'],
])('%s that was added without a mark is told of, and denied to an admin', async (_, text, name) => {
  await using harness = await openHarness()
  expect(unmarked(withForgotten).map(({ type, field }) => `${type.name}.${field.name}`)).toContain(name)
  const { data, errors } = await execute({
    schema: withForgotten,
    document: parseDocument(text),
    contextValue: contextOf(harness),
  })
  expect(data).toBe(null)
  expect(errors).toMatchObject([{ message: `${name} has no rule: nobody may read it` }])
})

test('a field of Subscription that was added without a mark is denied before anything is watched', async () => {
  await using harness = await openHarness()
  const document = parseDocument('subscription { watchForgotten }')
  const result = await subscribe({ schema: withForgotten, document, contextValue: contextOf(harness) })
  expect(result).toMatchObject({ errors: [{ message: expect.stringContaining('Subscription.watchForgotten') }] })
})

test('a run that a field comes to without having asked is not shown to who may not see it', async () => {
  await using harness = await openHarness()
  const { id } = await harness.startRun()
  const read = (principal: typeof admin) =>
    execute({
      schema: withForgotten,
      document: parseDocument('query ($id: ID!) { anyRun(id: $id) { id message } }'),
      variableValues: { id },
      contextValue: contextOf(harness, principal),
    })
  expect(await read(admin)).toMatchObject({ data: { anyRun: { id } } })
  const denied = await read(stranger)
  expect(denied.data).toEqual({ anyRun: null })
  expect(denied.errors).toMatchObject([{ message: expect.stringMatching(/may not see$/) }])
})

test('what was asked about for one event of a subscription is not kept for the next', async () => {
  await using harness = await openHarness()
  const context = contextOf(harness)
  const kept = () => RequestCache.fromContext(context, builder)
  async function* source() {
    yield* [1, 2]
  }
  const events = eachEvent(source(), context)
  await events.next()
  const before = kept()
  expect(kept()).toBe(before)
  await events.next()
  expect(kept()).not.toBe(before)
})
