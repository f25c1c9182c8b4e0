import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { fingerprint } from '../../src/approvals/fingerprint.ts'
import { readDecision } from '../../src/approvals/read-decision.ts'
import { defaultSettings } from '../../src/engine.ts'
import { toJsonText } from '../../src/json.ts'

// Found by random sequences: a record whose arguments somebody changed in the database, with the person's field in them and a
// fingerprint to match, let a person approve without saying a value.
test('a value that stands in a changed record is no person’s word', async () => {
  const inputSchema = z.object({ to: z.string(), euros: z.number() })
  const pay = { inputSchema, pause: 'user-input', userInput: ['euros'], approval: 'required', execute: () => 'paid' }
  const agent = defineAgent({ name: 'agent', model: scriptedModel([]), tools: { pay } })
  const changed = toJsonText({ to: 'Riley', euros: 1_000_000 })
  const call = {
    agentName: 'agent',
    toolName: 'pay',
    kind: 'USER_INPUT',
    arguments: changed,
    sensitive: [],
    fingerprint: fingerprint('pay', agent.tools.get('pay')?.schemaDigest ?? '', changed),
    mayEdit: true,
  } as const
  const reader = { agents: new Map([['agent', agent]]), settings: defaultSettings }
  const missing = { ok: false, issues: [{ path: ['approve', 'values', 'euros'] }] }
  expect(await readDecision(reader, { approve: { values: {} } }, call)).toMatchObject(missing)
  expect(await readDecision(reader, { approve: { values: { euros: 5 } } }, call)).toMatchObject({
    ok: true,
    decision: { values: toJsonText({ euros: 5 }) },
  })
})
