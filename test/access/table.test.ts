import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Authenticate } from '../../src/access/authenticate.ts'
import { roles } from '../../src/access/principal.ts'
import { tool } from '../../src/agents/tool.ts'
import { schema } from '../../src/graphql/schema.ts'
import { agentOf, messageOf } from '../behaviours/support/agents.ts'
import { approvalsOf, cancel, start } from '../behaviours/support/api.ts'
import { forEachStore } from '../behaviours/support/stores.ts'
import type { Client } from '../support/client.ts'
import { lineOf, type Row, rowsOf, table, whoever } from './table.ts'
import { type Ask, cellOf, type Target } from './table-cells.ts'

/** `me as ADMIN`, `me as no role`, `they as REQUESTER`; `me as REQUESTER in two` has the same id in another tenant. */
const authenticate: Authenticate = (token) => {
  const [, id, role, tenant = 'one'] = /^(\w+) as (\w+|no role)(?: in (\w+))?$/.exec(fromToken(token)) ?? []
  return id === undefined ? null : { id, tenant, roles: roles.filter((one) => one === role) }
}
const tokenOf = (who: string) => who.replaceAll(' ', '.')
const fromToken = (token: string | null) => token?.replaceAll('.', ' ') ?? ''

/** Asks for an erasure that an approver must allow, or, for the message `plain`, for nothing. */
function agents() {
  const erase = tool({ inputSchema: z.object({ id: z.string() }), approval: 'required', execute: async () => 'gone' })
  const { agent } = agentOf({ erase }, (prompt) =>
    messageOf(prompt) === 'plain' || prompt.at(-1)?.role === 'tool'
      ? [{ text: 'Done.' }]
      : [{ call: 'erase', input: { id: 'a' } }],
  )
  return [agent]
}

/** A run that waits for an approver. */
async function waiting(api: Client, as: string): Promise<Target> {
  const run = await start(api, { as: tokenOf(as) })
  return { runId: run.id, approvalId: approvalsOf(run)[0].id }
}

const owners: Readonly<Record<string, string>> = {
  'own run': 'me as REQUESTER',
  "another's run": 'they as REQUESTER',
  "another tenant's run": 'me as REQUESTER in two',
}
const ownerOf = (on: string) => owners[on.replace('approval of ', '').replace(' without approvals', '')] ?? ''

/** What the cells are about: made when one is first asked for, and anew where asking may change it. */
function targets(api: Client) {
  const kept = new Map<string, Promise<Target>>()
  const make = async (operation: string, on: string): Promise<Target> => {
    if (on === '') return { runId: '', approvalId: '' }
    if (on.endsWith('without approvals'))
      return { runId: (await start(api, { as: tokenOf(ownerOf(on)), message: 'plain' })).id, approvalId: '' }
    const target = await waiting(api, ownerOf(on))
    // To cancel it once more changes nothing.
    if (operation === 'cancelRun') await cancel(api, target.runId, {}, tokenOf(ownerOf(on)))
    return target
  }
  return (operation: string, on: string) => {
    if (operation === 'resolveApproval') return make(operation, on)
    const key = `${operation === 'cancelRun'} ${on.replace('approval of ', '')}`
    const target = kept.get(key) ?? make(operation, on)
    kept.set(key, target)
    return target
  }
}

type Transport = (api: Client, token: string) => Ask
const transports: Readonly<Record<'HTTP' | 'SSE' | 'WebSocket', Transport>> = {
  HTTP: (api, token) => (document, variables) => api.graphql(document, variables, token),
  SSE: (api, token) => (document, variables) => firstOf(api.sse(document, variables, token)),
  WebSocket: (api, token) => (document, variables) => firstOf(api.subscribe(document, variables, token)),
}

async function firstOf(events: ReturnType<Client['sse']>) {
  await using answers = events
  return (await answers.next()).value
}

const rows = rowsOf(table)

/** The same rows, with what is found when each cell is asked for. */
async function found(api: Client, transport: Transport, asked: readonly Row[]): Promise<Row[]> {
  const targetOf = targets(api)
  const answered: Row[] = []
  for (const { operation, on } of asked) {
    const cell = cellOf(operation, on)
    const ask = async (who: string) => cell(transport(api, tokenOf(`me as ${who}`)), await targetOf(operation, on))
    answered.push({ operation, on, cells: await Promise.all(whoever.map(ask)) })
  }
  return answered
}

describe('who may what', () => {
  test('stands in the docs as it is tested', () => {
    const docs = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8')
    expect(rowsOf(docs).map(lineOf)).toEqual(rows.map(lineOf))
  })

  test('is said of every field of Query, Mutation and Subscription', () => {
    const fields = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((root) =>
      Object.keys(root?.getFields() ?? {}).map((name) =>
        root === schema.getSubscriptionType() ? `${name} (live)` : name,
      ),
    )
    expect(new Set(rows.map(({ operation }) => operation))).toEqual(new Set(fields))
  })
})

// Who may what is asked above the store, but for what lists show: their filters are each store's own.
const inStore = /^(runs|approvals|pendingApprovals \(live\))$/

forEachStore(({ name, serve }) => {
  test.each(Object.entries(transports).filter(([way]) => name === 'SQLite' || way === 'SSE'))(
    'who may what is as the table says, over %s',
    { timeout: 120_000 },
    async (way, transport) => {
      await using api = await serve({ agents: agents(), authenticate })
      const asked = rows
        .filter(({ operation }) => way !== 'HTTP' || !operation.endsWith('(live)'))
        .filter(({ operation }) => name === 'SQLite' || inStore.test(operation))
      expect((await found(api, transport, asked)).map(lineOf)).toEqual(asked.map(lineOf))
    },
  )
})
