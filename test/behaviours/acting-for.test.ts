import { expect, test } from 'vitest'
import { z } from 'zod'
import type { Role } from '../../src/access/principal.ts'
import { asTool } from '../../src/agents/as-tool.ts'
import { tool } from '../../src/agents/tool.ts'
import { keysOf } from '../support/api-keys.ts'
import { type AnyData, type Client, connect } from '../support/client.ts'
import { logLines } from '../support/log-lines.ts'
import type { TestServer } from '../support/test-server.ts'
import { agentOf, ledger } from './support/agents.ts'
import {
  approvalsOf,
  cancel,
  continueRun,
  decide,
  listApprovals,
  readApproval,
  readRun,
  resolve,
  start,
} from './support/api.ts'
import * as documents from './support/documents.ts'
import { forEachStore } from './support/stores.ts'

/** `agent` erases when an approver allows it, and so does `within`, whom `outer` asks. */
function staff() {
  const kept = ledger()
  const erase = tool({ inputSchema: z.object({ id: z.string() }), approval: 'required', execute: kept.enter })
  const ask = tool({
    inputSchema: z.object({ id: z.string() }),
    pause: 'confirmation',
    approval: 'audit',
    execute: kept.enter,
  })
  const hidden = { inputSchema: z.object({ id: z.string() }), sensitive: ['id'], approval: 'required' as const }
  const call = (name: string, input: object) => [[{ call: name, input }]]
  const { agent } = agentOf({ erase }, call('erase', { id: 'a' }))
  const { agent: within } = agentOf({ erase }, call('erase', { id: 'within' }), { name: 'within' })
  const { agent: outer } = agentOf({ within: asTool(within) }, call('within', { message: 'Go.' }), { name: 'outer' })
  const { agent: secret } = agentOf({ erase: tool({ ...hidden, execute: kept.enter }) }, call('erase', { id: 'a' }), {
    name: 'secret',
  })
  const { agent: audited } = agentOf({ ask }, call('ask', { id: 'b' }), { name: 'audited' })
  return { kept, agents: [agent, outer, secret, audited] }
}

/** The keys of Ada and Bob, of a service that acts for people, and of the same service in its own name. */
async function keysFor({ database }: TestServer) {
  const of = async (name: string, given: { principal: string; roles: Role[]; actsForOthers?: boolean }) =>
    (await keysOf(database).create({ name, ...given })).token
  const both: Role[] = ['REQUESTER', 'APPROVER']
  return {
    ada: await of('Ada', { principal: 'ada', roles: both }),
    service: await of('desk', { principal: 'desk', roles: both, actsForOthers: true }),
    itself: await of('desk', { principal: 'desk', roles: ['REQUESTER'] }),
    admin: await of('Eve', { principal: 'eve', roles: ['ADMIN'] }),
  }
}

/** The run once it is over. */
async function ended(api: Client, runId: string, as: string) {
  for await (const _ of api.subscribe(documents.runEvents, { runId, after: 0 }, as));
  return readRun(api, runId, as)
}

async function eventsFor(api: Client, runId: string, as: string): Promise<AnyData[]> {
  const events: AnyData[] = []
  for await (const { data } of api.subscribe(documents.runEvents, { runId, after: 0 }, as))
    if (data) events.push(data.runEvents)
  return events
}

const rightsOf = async (api: Client, id: string, as: string) => (await api.data(documents.rights, { id }, as)).approval

forEachStore(({ serve }) => {
  const opened = async () => {
    await using opening = new AsyncDisposableStack()
    const log = logLines()
    const { kept, agents } = staff()
    const api = opening.use(await serve({ agents, authenticate: null, apiKeys: true, logger: log.logger }))
    const keys = await keysFor(api)
    const [ada, prnAda, bob] = ['ada', 'prn_ada', 'bob'].map((id) => opening.use(connect(api.url, id)))
    if (!ada || !prnAda || !bob) throw new Error('There are three.')
    const all = opening.move()
    return { api, log, kept, keys, ada, prnAda, bob, [Symbol.asyncDispose]: () => all.disposeAsync() }
  }

  /** Refused beforehand and when it comes to it. */
  async function cannot(api: Client, id: string, as: string) {
    expect(await rightsOf(api, id, as)).toEqual({
      viewerCanResolve: false,
      viewerCannotResolveReasons: ['OWN_REQUEST'],
    })
    expect((await resolve(api, id, { as })).__typename).toBe('ForbiddenError')
  }

  test('R14 whoever asks for a person, over HTTP, SSE and WebSocket it is the person who asks', async () => {
    await using all = await opened()
    const { ada, prnAda, keys } = all
    const viewer = '{ viewer { principal { id } actor { id } tenant roles } }'
    const expected = {
      viewer: {
        principal: { id: 'prn_ada' },
        actor: { id: 'prn_desk' },
        tenant: 'acme',
        roles: ['REQUESTER', 'APPROVER'],
      },
    }
    for (const client of [ada, prnAda]) {
      expect(await client.data(viewer, {}, keys.service)).toEqual(expected)
      expect(await client.sse(viewer, {}, keys.service).data()).toEqual(expected)
      expect(await client.subscribe(viewer, {}, keys.service).data()).toEqual(expected)
    }
    expect(await all.api.data('{ viewer { actor { id } } }', {}, keys.ada)).toEqual({ viewer: { actor: null } })
  })

  test('R14 who requested through a service cannot resolve, by themselves or through any service; others can', async () => {
    await using all = await opened()
    const { api, ada, prnAda, bob, keys, kept, log } = all
    const run = await start(ada, { as: keys.service })
    const [{ id, requestedBy }] = approvalsOf(run)
    expect(requestedBy).toEqual({ id: 'prn_ada' })
    await cannot(api, id, keys.ada)
    await cannot(ada, id, keys.service)
    await cannot(prnAda, id, keys.service)
    expect(kept.made).toEqual([])
    const decided = await decide(bob, id, { as: keys.service })
    expect(decided.resolution.resolvedBy).toEqual({ id: 'prn_bob' })
    expect(decided.history.edges.at(-1).node.by).toEqual({ id: 'prn_bob' })
    await ended(api, run.id, keys.admin)
    expect(kept.made).toHaveLength(1)
    const told = log.lines().filter(({ msg }) => msg === 'done for somebody')
    expect(told).toMatchObject([
      { operation: 'startRun', runId: run.id, principal: 'prn_ada', actor: 'prn_desk' },
      { operation: 'resolveApproval', approvalId: id, principal: 'prn_bob', actor: 'prn_desk' },
    ])
  })

  test('R14 nor the reverse: what they requested themselves, they cannot resolve through a service', async () => {
    await using all = await opened()
    const { api, ada, bob, keys, kept } = all
    const [{ id }] = approvalsOf(await start(api, { as: keys.ada }))
    await cannot(ada, id, keys.service)
    // What a service requested in its own name, it does not resolve in somebody's either.
    const [{ id: services }] = approvalsOf(await start(api, { as: keys.itself }))
    await cannot(bob, services, keys.service)
    expect(kept.made).toEqual([])
    await decide(bob, id, { as: keys.service })
    await decide(api, services, { as: keys.ada })
  })

  test('R14 through nested runs: who requested the outermost run requested them all', async () => {
    await using all = await opened()
    const { api, ada, bob, keys, kept } = all
    const run = await start(ada, { as: keys.service, agentName: 'outer' })
    const [approval] = await listApprovals(api, {}, keys.ada)
    expect(approval).toMatchObject({ path: ['outer', 'within'], requestedBy: { id: 'prn_ada' } })
    expect(approval.run.id).not.toBe(run.id)
    await cannot(api, approval.id, keys.ada)
    await cannot(ada, approval.id, keys.service)
    await decide(bob, approval.id, { as: keys.service })
    expect(await ended(api, run.id, keys.admin)).toMatchObject({ status: 'COMPLETED' })
    expect(kept.inputs()).toEqual([{ id: 'within' }])
  })

  test('records say through which service: who asked, looked, decided, answered and cancelled', async () => {
    await using all = await opened()
    const { api, ada, bob, keys } = all
    const [desk, service] = [{ id: 'prn_desk' }, keys.service]
    const run = await start(ada, { as: service, agentName: 'secret' })
    const [{ id }] = approvalsOf(run)
    const reveal = 'mutation ($input: RevealArgumentInput!) { revealArgument(input: $input) { __typename } }'
    for (const [client, as] of [
      [bob, service],
      [api, keys.admin],
    ] as const)
      await client.data(reveal, { input: { approvalId: id, path: ['id'] } }, as)
    await decide(bob, id, { as: service })
    const decided = await readApproval(api, id, keys.admin)
    expect(decided.resolution).toMatchObject({ resolvedBy: { id: 'prn_bob' }, via: desk })
    expect(decided.history.edges.map(({ node }: AnyData) => [node.action, node.by.id, node.via])).toEqual([
      ['PROPOSED', 'prn_ada', null],
      ['REVEALED', 'prn_bob', desk],
      ['REVEALED', 'prn_eve', null],
      ['APPROVED', 'prn_bob', desk],
    ])

    const asked = await start(ada, { as: service, agentName: 'audited' })
    const answers = [{ callId: asked.requirements[0].callId, decision: { approve: {} } }]
    await continueRun(ada, asked.id, { answers }, service)
    const [audit] = await listApprovals(api, { type: ['AUDIT'] }, keys.admin)
    expect([audit.resolution.via, audit.history.edges.at(-1).node.via]).toEqual([desk, desk])
    const ending = await start(ada, { as: service })
    await cancel(ada, ending.id, {}, service)
    const told = [...(await eventsFor(api, asked.id, keys.admin)), ...(await eventsFor(api, ending.id, keys.admin))]
    expect(told.filter((event) => 'via' in event)).toMatchObject([
      { __typename: 'RunStarted', via: desk },
      { __typename: 'RunAnswered', via: desk, by: { id: 'prn_ada' } },
      { __typename: 'RunResumed', via: desk, by: { id: 'prn_ada' } },
      { __typename: 'RunStarted', via: desk },
      { __typename: 'RunCancelled', via: desk, by: { id: 'prn_ada' } },
    ])

    // In their own name nothing of it.
    const own = await start(api, { as: keys.ada })
    await cancel(api, own.id, {}, keys.ada)
    const events = await eventsFor(api, own.id, keys.admin)
    expect(events.filter((event) => 'via' in event).map(({ via }) => via)).toEqual([null, null])
    expect((await readApproval(api, approvalsOf(own)[0].id, keys.admin)).resolution).toMatchObject({
      cause: 'CANCELLATION',
      resolvedBy: null,
      via: null,
    })
  })

  test('an answer through a service is the requester’s, and the name that they gave themselves stays', async () => {
    await using all = await opened()
    const { api, ada, bob, keys, log } = all
    await start(api, { as: keys.ada })
    const run = await start(ada, { as: keys.service, agentName: 'audited' })
    const callId = run.requirements[0].callId
    const answers = [{ callId, decision: { approve: {} } }]
    expect(await continueRun(bob, run.id, { answers }, keys.service)).toMatchObject({ __typename: 'NotFoundError' })
    expect(await continueRun(ada, run.id, { answers }, keys.service)).toMatchObject({ run: { status: 'COMPLETED' } })
    const [record] = await listApprovals(api, { type: ['AUDIT'] }, keys.admin)
    expect(record.resolution.resolvedBy).toEqual({ id: 'prn_ada' })
    expect(log.lines()).toContainEqual(
      expect.objectContaining({ operation: 'continueRun', principal: 'prn_ada', actor: 'prn_desk' }),
    )
    const named = 'query ($id: ID!) { run(id: $id) { requestedBy { id name } } }'
    expect((await api.data(named, { id: run.id }, keys.admin)).run.requestedBy).toEqual({ id: 'prn_ada', name: 'Ada' })
  })
})
