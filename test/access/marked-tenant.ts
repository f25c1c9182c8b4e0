import { z } from 'zod'
import type { Authenticate } from '../../src/access/authenticate.ts'
import { type Role, roles } from '../../src/access/principal.ts'
import { asTool } from '../../src/agents/as-tool.ts'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { type ScriptedPart, scriptedModel } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'
import { messageOf } from '../behaviours/support/agents.ts'
import { approvalsOf, cancel, continueRun, decide, start } from '../behaviours/support/api.ts'
import type { AnyData, Client } from '../support/client.ts'

export type Tenant = 'one' | 'two'
/** Stands in everything that is kept for a tenant, and in nothing that anybody asks with. */
export const markOf = (tenant: Tenant) => `MarkOf${tenant.toUpperCase()}`

const people: Readonly<Record<string, readonly Role[]>> = {
  ada: ['ADMIN'],
  all: roles,
  ann: ['REQUESTER'],
  bob: ['APPROVER'],
  otto: ['AUDITOR'],
  noone: [],
}
export const names = Object.keys(people)
/** The same people are in both tenants: their ids are equal, and their names are not. */
export const authenticate: Authenticate = (token) => {
  const [id = '', tenant] = token?.split('.') ?? []
  const given = people[id]
  return given && (tenant === 'one' || tenant === 'two')
    ? { id, tenant, roles: given, name: `${id} ${markOf(tenant)}` }
    : null
}

const inputSchema = z.object({ id: z.string() })
const execute = async ({ id }: { id: string }) => ({ done: id })
const tools = {
  look: tool({ inputSchema, execute }),
  erase: tool({ inputSchema, execute, approval: 'required' }),
  fill: tool({ inputSchema, execute, pause: 'user-input', approval: 'required' }),
  elsewhere: tool({ inputSchema, pause: 'external-execution', approval: 'required' }),
  audited: tool({ inputSchema, execute, pause: 'confirmation', approval: 'audit' }),
}

/** Makes the call that its message begins with; all that it says and gives has the message's mark. */
function says(prompt: Parameters<typeof messageOf>[0]): readonly ScriptedPart[] {
  const [call = '', mark = ''] = messageOf(prompt).split(' ')
  if (call === 'fail') throw new Error(`${mark} failed`)
  if (prompt.at(-1)?.role === 'tool') return [{ text: `Done, ${mark}.` }]
  const input = call === 'within' ? { message: `erase ${mark}` } : call === 'fill' ? {} : { id: mark }
  return [{ text: `Now ${mark}.` }, { call, input }]
}
const within = defineAgent({ name: 'within', model: scriptedModel(says), tools })
export const agents = [
  defineAgent({
    name: 'agent',
    model: scriptedModel(says),
    tools: { ...tools, within: asTool(within) },
    maxRetries: 0,
  }),
]

/** Runs and approvals of every kind, with the mark wherever somebody may write something. Gives every id and cursor there is. */
export async function fillTenant(api: Client, tenant: Tenant) {
  const mark = markOf(tenant)
  const [ann, bob] = [`ann.${tenant}`, `bob.${tenant}`]
  const ask = (call: string) =>
    start(api, { as: ann, message: `${call} ${mark}`, metadata: { mark }, sessionId: `session of ${mark} ${call}` })
  const one = async (call: string) => approvalsOf(await ask(call))[0].id
  await ask('look')
  await ask('fail')
  await ask('erase')
  await ask('within')
  await decide(api, await one('erase'), {
    as: bob,
    decision: { approve: { arguments: { id: `${mark}, edited` } } },
    note: mark,
  })
  await decide(api, await one('erase'), { as: bob, decision: { reject: { message: mark } }, note: mark })
  await decide(api, await one('fill'), { as: bob, decision: { approve: { values: { id: mark } } } })
  const failure = { approve: { outcome: { failure: { message: mark } } } }
  await decide(api, await one('elsewhere'), { as: bob, decision: failure })
  const success = { approve: { outcome: { success: { result: { mark } } } } }
  await decide(api, await one('elsewhere'), { as: bob, decision: success })
  const audited = await ask('audited')
  const [{ callId }] = audited.requirements
  await continueRun(api, audited.id, { answers: [{ callId, decision: { approve: {} }, note: mark }] }, ann)
  await cancel(api, (await ask('erase')).id, { reason: mark }, ann)
  return whatThereIs(api, tenant)
}

const everything = /* GraphQL */ `{
  runs(first: 100) { edges { cursor node {
    id status lastSeq sessionId
    toolCalls { edges { cursor node { id } } }
    children { edges { cursor } }
  } } }
  approvals(first: 100) { edges { cursor node { id status revision history { edges { cursor } } } } }
}`

/** What a tenant has: to be compared, and as ids and cursors to ask with. */
export async function whatThereIs(api: Client, tenant: Tenant) {
  const { runs, approvals } = await api.data(everything, {}, `ada.${tenant}`)
  const lastSeqs: [string, number][] = runs.edges.map(({ node }: AnyData) => [node.id, node.lastSeq])
  const ofRuns = runs.edges.flatMap(({ cursor, node }: AnyData) => [
    { cursor, id: node.id },
    ...node.toolCalls.edges.map((edge: AnyData) => ({ cursor: edge.cursor, id: edge.node.id })),
    ...node.children.edges,
  ])
  const ofApprovals = approvals.edges.flatMap(({ cursor, node }: AnyData) => [
    { cursor, id: node.id },
    ...node.history.edges,
  ])
  const all: { cursor: string; id?: string }[] = [...ofRuns, ...ofApprovals]
  return {
    found: { runs, approvals },
    ids: all.flatMap(({ id }) => id ?? []),
    lastSeqs,
    cursors: all.map(({ cursor }) => cursor),
  }
}
