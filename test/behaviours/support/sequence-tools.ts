import { z } from 'zod'
import type { ToolRecord } from '../../../src/agents/define-agent.ts'
import type { JsonObject, JsonValue } from '../../../src/json.ts'

// The tools of the random sequences, and what a call and a decision must come to: told by hand, not by the code that is tried.

export type Tier = 'ungated' | 'plain' | 'audit' | 'required'
type Pause = 'confirmation' | 'user-input' | 'external-execution'
type ToolFacts = {
  readonly tier: Tier
  readonly pause: Pause
  /** Pauses from ten euros on only, and when the condition throws. */
  readonly when?: true
  /** Its approvals expire after a minute. */
  readonly expires?: true
  /** Its schema adds one to the euros, each time it is asked. */
  readonly addsOne?: true
}

const facts = {
  look: { tier: 'ungated', pause: 'confirmation' },
  ask: { tier: 'plain', pause: 'confirmation' },
  ask_if: { tier: 'plain', pause: 'confirmation', when: true },
  ask_fill: { tier: 'plain', pause: 'user-input' },
  ask_hand: { tier: 'plain', pause: 'external-execution' },
  log: { tier: 'audit', pause: 'confirmation' },
  log_fill: { tier: 'audit', pause: 'user-input' },
  log_hand: { tier: 'audit', pause: 'external-execution' },
  pay: { tier: 'required', pause: 'confirmation' },
  pay_if: { tier: 'required', pause: 'confirmation', when: true },
  pay_soon: { tier: 'required', pause: 'confirmation', expires: true },
  pay_more: { tier: 'required', pause: 'confirmation', addsOne: true },
  pay_fill: { tier: 'required', pause: 'user-input' },
  pay_hand: { tier: 'required', pause: 'external-execution' },
} as const satisfies Record<string, ToolFacts>

export type ToolName = keyof typeof facts
export const toolNames = Object.keys(facts) as ToolName[]
export const factsOf = (tool: ToolName): ToolFacts => facts[tool]

const to = z.string()
const euros = z.number().int().max(100)
const whole = z.object({ to, euros: euros.default(1) })
const adding = z.object({ to, euros: euros.overwrite((value) => value + 1).default(1) })
const parted = z.object({ to, euros })
const mostWithoutAsking = 10
const breaksWhen = 'Bo, who breaks'

type Enter = (
  tool: ToolName,
  input: JsonObject,
  options: { toolCallId: string; abortSignal: AbortSignal },
) => Promise<JsonValue>

/** The tools as a user writes them. */
export const toolsFor = (enter: Enter): ToolRecord =>
  Object.fromEntries(toolNames.map((name) => [name, definition(name, factsOf(name), enter)]))

function definition(name: ToolName, { tier, pause, when, expires, addsOne }: ToolFacts, enter: Enter) {
  const isElsewhere = pause === 'external-execution'
  return {
    inputSchema: pause === 'user-input' ? parted : addsOne ? adding : whole,
    ...(tier !== 'ungated' && { pause }),
    ...(pause === 'user-input' && { userInput: ['euros'] }),
    ...(tier === 'audit' && { approval: 'audit' }),
    ...(tier === 'required' && { approval: expires ? { type: 'required', expiresIn: '1m' } : 'required' }),
    ...(when && { when: isMuch }),
    ...(!isElsewhere && { execute: (input: JsonObject, options: Parameters<Enter>[2]) => enter(name, input, options) }),
  }
}

function isMuch(input: z.infer<typeof whole>): boolean {
  if (input.to === breaksWhen) throw new Error('The condition broke.')
  return input.euros >= mostWithoutAsking
}

/** What the model asks for; the name says how the tool behaves: see {@link behaviours}. */
export type AskedCall = {
  readonly tool: ToolName
  readonly to: (typeof recipients)[number]
  readonly euros: number | null
  readonly mistake: 'wrong type' | 'no JSON' | 'unknown tool' | null
  /** The provider's id, which may repeat. */
  readonly id: 'p0' | 'p1' | null
}
/** Stu minds no abortSignal. */
export const recipients = ['Riley', 'Sam, who is slow', 'Stu, who is stubborn', breaksWhen] as const
export const isSlow = (name: unknown) => name === recipients[1] || name === recipients[2]
export const isStubborn = (name: unknown) => name === recipients[2]
export const isBroken = (name: unknown) => name === breaksWhen

/** A call as it must be recorded. */
export type PlannedCall = {
  readonly tool: ToolName
  /** Null: it is no valid call, and never runs. */
  readonly arguments: JsonObject | null
  /** Whether it needs somebody's word. */
  readonly isGated: boolean
}

export function planned({ tool, to, euros, mistake }: AskedCall): PlannedCall {
  const { tier, pause, when, addsOne } = factsOf(tool)
  if (mistake !== null) return { tool, arguments: null, isGated: false }
  const amount = euros === null ? 1 : addsOne ? euros + 1 : euros
  const isFree = when && amount < mostWithoutAsking && !isBroken(to)
  return {
    tool,
    arguments: pause === 'user-input' ? { to } : { to, euros: amount },
    isGated: tier !== 'ungated' && !isFree,
  }
}

/** As the scripted model says it. */
export function spoken({ tool, to, euros, mistake, id }: AskedCall) {
  const input = mistake === 'wrong type' ? { to: 5 } : { to, ...(euros !== null && { euros }) }
  return {
    call: mistake === 'unknown tool' ? 'undo' : tool,
    input: mistake === 'no JSON' ? '{"to":' : input,
    ...(id !== null && { id }),
  }
}
