import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'
import {
  approvalsOf,
  callsOf,
  decide,
  eventsOf,
  finished,
  listApprovals,
  readRun,
  restart,
  start,
} from './support/api.ts'
import { forEachStore } from './support/stores.ts'

const made: unknown[] = []
const agentsWith = (sensitive: string[]) => [
  defineAgent({
    name: 'agent',
    model: scriptedModel([[{ call: 'pay', input: { ssn: 'secret', pin: 'number' } }], [{ text: 'Done.' }]]),
    tools: {
      pay: tool({
        inputSchema: z.object({ ssn: z.string(), pin: z.string() }),
        approval: 'required',
        sensitive,
        execute: (input) => void made.push(input),
      }),
    },
  }),
]

forEachStore((store) => {
  test('what was sensitive when the call was proposed stays hidden whatever the tool says later, and what is sensitive now is hidden as well', async () => {
    await using api = await store.serve({ agents: agentsWith(['ssn']) })
    const { id } = await start(api)
    const [{ arguments: first }] = await listApprovals(api, { runId: id })
    expect(first).toEqual({ ssn: '‹hidden›', pin: 'number' })

    await restart(api, { agents: agentsWith(['pin']) })
    const [asked] = approvalsOf(await readRun(api, id))
    const both = { ssn: '‹hidden›', pin: '‹hidden›' }
    expect(asked.arguments).toEqual(both)
    await decide(api, asked.id, { decision: { approve: { arguments: both } } })
    const run = await finished(api, id)
    expect(callsOf(run)[0]).toMatchObject({ status: 'SUCCEEDED', arguments: both })
    expect(made.splice(0)).toEqual([{ ssn: 'secret', pin: 'number' }])
    const events = await eventsOf(api, id)
    expect(events.find(({ __typename }) => __typename === 'ToolCallsProposed').toolCalls[0].arguments).toEqual(both)

    // The record alone, and the journal alone, of a tool that is gone; a record that is from before there was such a thing.
    await restart(api, { agents: [] })
    const [kept] = await listApprovals(api, { runId: id })
    const hidden = { ssn: '‹hidden›', pin: 'number' }
    expect([kept.arguments, callsOf(await readRun(api, id))[0].arguments]).toEqual([hidden, hidden])
    await api.server.close()
    await store.editApproval(api.database, kept.id, { sensitive: null })
    expect((await store.approvalRecord(api.database, kept.id)).sensitive).toEqual([])
  })
})
