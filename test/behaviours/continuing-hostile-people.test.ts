import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { tool } from '../../src/agents/tool.ts'
import { agentOf, ledger } from './support/agents.ts'
import { approvalsOf, callsOf, decide, eventsOf, finished, readApproval, restart, start } from './support/api.ts'
import * as documents from './support/documents.ts'
import { bodyOf, refusedOfPeople, sortedJson, takenFromPeople } from './support/hostile-json.ts'
import { forEachStore } from './support/stores.ts'

const wild = 'x\ud800 \u0000 \u202e $where {{x}} <b>'
const tamed = wild.toWellFormed()

const metadataOf = 'query ($id: ID!) { run(id: $id) { metadata message output sessionId } }'

forEachStore(({ serve }) => {
  const scene = () => {
    const made = ledger()
    const erase = tool({ inputSchema: z.looseObject({}), approval: 'required', execute: made.enter })
    return { made, ...agentOf({ erase }, [[{ call: 'erase', input: {} }]]) }
  }
  const as = (token: string) => ({ authorization: `Bearer ${token}` })

  describe('C17 hostile JSON from people', () => {
    test.each(Object.entries(takenFromPeople))(
      'C17 %s in metadata and in edited arguments come back as they were',
      async (_, [text, back = text]) => {
        const { made, agent } = scene()
        await using api = await serve({ agents: [agent] })
        const startInput = `{"agentName":"agent","message":"Do it.","waitMs":30000,"metadata":${text}}`
        const started = await (await api.post(bodyOf(documents.startRun, startInput), as('requester-1'))).json()
        const { run } = started.data.startRun
        const [{ id }] = approvalsOf(run)
        const edit = `{"approvalId":"${id}","decision":{"approve":{"arguments":${text}}}}`
        const decided = await (await api.post(bodyOf(documents.resolveApproval, edit), as('approver-1'))).json()
        expect(decided.data.resolveApproval.__typename).toBe('ResolveApprovalSuccess')
        const over = await finished(api, run.id)
        expect(over.status).toBe('COMPLETED')
        await restart(api)
        const { run: kept } = await api.data(metadataOf, { id: run.id }, 'requester-1')
        const values = [
          kept.metadata,
          (await readApproval(api, id)).resolution.arguments,
          callsOf(over)[0].arguments,
          made.inputs()[0],
        ]
        for (const value of values) expect(sortedJson(value)).toBe(sortedJson(JSON.parse(back)))
        expect(({} as Record<string, unknown>).polluted).toBeUndefined()
      },
    )

    test.each(Object.entries(refusedOfPeople))(
      'C17 %s is refused in metadata and in edited arguments, and nothing is stored',
      async (_, text) => {
        const { made, agent } = scene()
        await using api = await serve({ agents: [agent] })
        const startInput = `{"agentName":"agent","message":"Do it.","metadata":${text}}`
        const badInput = { errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] }
        const answer = await (await api.post(bodyOf(documents.startRun, startInput), as('requester-1'))).json()
        expect(answer).toMatchObject(badInput)
        expect((await api.data('{ runs { edges { node { id } } } }')).runs.edges).toEqual([])
        const run = await start(api)
        const [approval] = approvalsOf(run)
        const edit = `{"approvalId":"${approval.id}","decision":{"approve":{"arguments":${text}}}}`
        expect(await (await api.post(bodyOf(documents.resolveApproval, edit), as('approver-1'))).json()).toMatchObject(
          badInput,
        )
        expect(await readApproval(api, approval.id)).toEqual(approval)
        expect(made.made).toEqual([])
      },
    )

    test('C17 as literals in the document too', async () => {
      const { agent } = scene()
      await using api = await serve({ agents: [agent] })
      const document = (metadata: string) =>
        `mutation { startRun(input: { agentName: "agent", message: "x", metadata: ${metadata} }) { ... on StartRunSuccess { run { metadata } } } }`
      const { startRun } = await api.data(
        document('{ __proto__: { polluted: true }, a: "\\u0000", b: [9007199254740991] }'),
      )
      expect(sortedJson(startRun.run.metadata)).toBe(
        sortedJson(JSON.parse('{"__proto__":{"polluted":true},"a":"\\u0000","b":[9007199254740991]}')),
      )
      for (const bad of [
        '{ a: 9007199254740993 }',
        '{ a: 1e400 }',
        `{ a: ${'['.repeat(101)}${']'.repeat(101)} }`,
        '[1]',
        '"{}"',
        '{ a: "\\uD800" }',
      ]) {
        const { errors } = await api.graphql(document(bad))
        expect(errors).toMatchObject([
          {
            extensions: {
              code: expect.stringMatching(/^(BAD_USER_INPUT|GRAPHQL_VALIDATION_FAILED|GRAPHQL_PARSE_FAILED)$/),
            },
          },
        ])
      }
      expect((await api.data('{ runs { edges { node { id } } } }')).runs.edges).toHaveLength(1)
    })

    test('C17 in notes, messages and names: as it was, made well-formed, or refused', async () => {
      const { agent, prompts } = scene()
      await using api = await serve({ agents: [agent] })
      const refusal = await api.data(documents.startRun, { input: { agentName: 'agent', message: wild } })
      expect(refusal.startRun).toMatchObject({ __typename: 'InvalidInputError' })
      const run = await start(api, { message: tamed, sessionId: 's\u0000$ne', idempotencyKey: 'k\u0000' })
      expect(await start(api, { message: tamed, sessionId: 's\u0000$ne', idempotencyKey: 'k\u0000' })).toEqual(run)
      const other = await start(api, { message: tamed, sessionId: 's', idempotencyKey: 'k' })
      expect(other.id).not.toBe(run.id)
      const [{ id }] = approvalsOf(run)
      await decide(api, id, {
        decision: { reject: { message: wild } },
        note: wild,
        idempotencyKey: wild.toWellFormed(),
      })
      await finished(api, run.id)
      await restart(api)
      const approval = await readApproval(api, id)
      expect(approval.resolution).toMatchObject({ message: tamed, note: tamed })
      expect(approval.history.edges.map(({ node }: { node: { note: unknown } }) => node.note)).toEqual([null, tamed])
      expect(JSON.stringify(prompts.at(-1))).toContain(JSON.stringify(tamed).slice(1, -1))
      const { run: kept } = await api.data(metadataOf, { id: run.id })
      expect(kept).toMatchObject({ message: tamed, sessionId: 's\u0000$ne' })
    })
  })

  test('C17 hostile text of a model is the same in the run, its events and after a restart', async () => {
    const { agent } = agentOf({}, () => [{ text: wild }])
    await using api = await serve({ agents: [agent] })
    const run = await start(api)
    expect(run).toMatchObject({ status: 'COMPLETED', output: tamed })
    await restart(api)
    const events = await eventsOf(api, run.id)
    expect(events.find(({ __typename }) => __typename === 'ModelResponded')).toMatchObject({ text: tamed })
    expect(events.at(-1)).toMatchObject({ __typename: 'RunCompleted', output: tamed })
  })
})
