import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'
import { cancelRun } from '../../src/runs/cancel.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { openWorkplace, rita } from './workshop.ts'

const never = new Promise<never>(() => {})

test.each([
  ['a model', scriptedModel(() => never), undefined],
  ['a `when`', scriptedModel([{ call: 'act', input: {} }]), () => never],
])('%s that never answers and ignores its abortSignal does not hold up a cancel', async (_, model, when) => {
  await using store = await openSqliteStore({ path: ':memory:' })
  const asked = Promise.withResolvers<void>()
  const act = tool({
    inputSchema: z.object({}),
    approval: 'required',
    when:
      when &&
      (() => {
        asked.resolve()
        return when()
      }),
    execute: async () => 'done',
  })
  if (!when) asked.resolve()
  const agent = defineAgent({ name: 'agent', model, tools: { act } })
  await using work = await openWorkplace({ agents: [agent], store })
  const run = await work.start()
  await asked.promise
  expect(await cancelRun(work.engine, rita, { runId: run.id })).toMatchObject({ run: { status: 'CANCELLED' } })
})
