import type { LanguageModelV4 } from '@ai-sdk/provider'
import { CountersignError } from '../errors.ts'
import type { Agent } from './agent.ts'
import { timeoutMs } from './duration.ts'
import { isAgent, markMade } from './made-agents.ts'
import { isPlainObject } from './plain-object.ts'
import { readTool } from './read-tool.ts'
import type { Duration } from './tool.ts'

/** Tools by name: {@link tool}, or the AI SDK's own, taken as they are. */
// biome-ignore lint/suspicious/noExplicitAny: each tool has its own input type; none of them is assignable to the others'.
export type ToolRecord = Readonly<Record<string, any>>

export type AgentDefinition = {
  /** Letters, digits, _ and -, beginning with a letter; unique in a server. */
  name: string
  description?: string
  /** Any language model of the AI SDK (specification v4), such as `openai('…')`. */
  model: LanguageModelV4
  /** The system prompt. */
  instructions?: string
  /** Tools by name, or a function that makes them. */
  tools?: ToolRecord | (() => ToolRecord)
  /** How often a model call is tried again after a passing failure (network, 429, 5xx). Default 2. */
  maxRetries?: number
  /** How many times the model is asked in one run; beyond, the run fails with LIMIT_EXCEEDED. Default 50. */
  maxSteps?: number
  /**
   * How many tokens one run may take, input and output of all answers together, as the provider reports them (what it does not report, as of a
   * call that fails, counts as nothing). A run that has used them up is asked nothing more: it fails with LIMIT_EXCEEDED. Default: no limit.
   */
  maxTotalTokens?: number
  /**
   * How long a run may take; beyond, its model and its calls are told to stop, and it fails with TIMED_OUT. All the time that it is RUNNING
   * counts, also while it waits for the run of an agent that it asked, for a free place, or for a process to take it over; the time that it is
   * PAUSED does not. Default: no limit.
   */
  timeout?: Duration
  /**
   * How many messages of a session's earlier runs the model is sent: those of the newest runs that fit, each whole (a question, an answer, a
   * round of calls and one of results are a message each). 0: none. Default 200. A run keeps to what held when it started.
   */
  maxHistoryMessages?: number
}

const fields = {
  ...{ name: true, description: true, model: true, instructions: true, tools: true, timeout: true },
  ...{ maxRetries: true, maxSteps: true, maxTotalTokens: true, maxHistoryMessages: true },
} satisfies Record<keyof AgentDefinition, true>

/**
 * Defines an agent and checks all of its tools.
 *
 * @example
 * const echo = defineAgent({ name: 'echo', model: scriptedModel([[{ text: 'Hello.' }]]), tools: { delete_user: deleteUser } })
 * @throws CountersignError INVALID_DEFINITION that names agent and tool and says what to change.
 */
export function defineAgent(definition: AgentDefinition): Agent {
  const {
    name,
    model,
    tools: listed,
    maxRetries = 2,
    maxSteps = 50,
    maxTotalTokens,
    maxHistoryMessages = 200,
  } = definition
  const fail = (message: string, cause?: unknown) =>
    new CountersignError('INVALID_DEFINITION', `Agent '${name}': ${message}`, { cause })
  if (typeof name !== 'string' || !/^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(name))
    throw fail('a name is 1 to 64 letters, digits, _ or -, beginning with a letter')
  const unknown = Object.keys(definition).find((key) => !Object.hasOwn(fields, key))
  if (unknown !== undefined) throw fail(`it has an unknown field '${unknown}'`)
  if (model?.specificationVersion !== 'v4' || typeof model.doStream !== 'function') {
    throw fail(
      "'model' is no AI SDK language model of specification v4: give one such as openai('gpt-5') from @ai-sdk/openai 4",
    )
  }
  if (!Number.isInteger(maxRetries) || maxRetries < 0) throw fail("'maxRetries' is a whole number from 0")
  if (!Number.isInteger(maxSteps) || maxSteps < 1) throw fail("'maxSteps' is a whole number from 1")
  if (maxTotalTokens !== undefined && (!Number.isInteger(maxTotalTokens) || maxTotalTokens < 1))
    throw fail("'maxTotalTokens' is a whole number from 1")
  if (!Number.isInteger(maxHistoryMessages) || maxHistoryMessages < 0)
    throw fail("'maxHistoryMessages' is a whole number from 0")
  const given = typeof listed === 'function' ? Reflect.apply(listed, definition, []) : (listed ?? {})
  // A promise or a Map has no entries of its own: it would be an agent without tools.
  if (!isPlainObject(given))
    throw fail("'tools' is a plain object of tools by name, or a function that gives one (not a promise)")
  const named = <Part>(read: () => Part, what = ''): Part => {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof Error)) throw error
      throw fail(`${what}${error.message}`, error)
    }
  }
  const tools = toolsOf(given).map(
    ([toolName, tool]) => [toolName, named(() => readTool(toolName, tool), `tool '${toolName}': `)] as const,
  )
  const agent: Agent = Object.freeze({
    name,
    description: definition.description ?? null,
    instructions: definition.instructions ?? null,
    model,
    tools: new Map(tools),
    maxRetries,
    maxSteps,
    maxTotalTokens: maxTotalTokens ?? null,
    timeoutMs: named(() => timeoutMs(definition.timeout)),
    maxHistoryMessages,
  })
  markMade(agent)
  return agent
}

/** Each once, with its name: also one that no list of the names would show. */
function toolsOf(record: object): [string, unknown][] {
  return Reflect.ownKeys(record).flatMap((key): [string, unknown][] => {
    const tool = Reflect.get(record, key)
    const isListed = typeof key === 'string' && Object.getOwnPropertyDescriptor(record, key)?.enumerable
    // What a module brings along beside its exports (`__esModule`, its toStringTag) is no object.
    return isListed || typeof tool === 'object' ? [[String(key), tool]] : []
  })
}

/**
 * The agents of a server by name, with those that are tools of others: it works on their runs as well.
 *
 * @throws CountersignError INVALID_DEFINITION for a name that stands twice.
 */
export function agentsByName(agents: readonly Agent[]): ReadonlyMap<string, Agent> {
  const byName = new Map<string, Agent>()
  if (new Set(agents).size < agents.length) {
    const twice = agents.find((agent, index) => agents.indexOf(agent) < index)
    throw twoOfOneName(twice)
  }
  for (const agent of withInner(agents)) {
    if (!isAgent(agent)) {
      throw new CountersignError(
        'INVALID_DEFINITION',
        `Agent '${(agent as Agent | undefined)?.name}' was not made by defineAgent of this copy of countersign: import both from the same installation.`,
      )
    }
    if ((byName.get(agent.name) ?? agent) !== agent) throw twoOfOneName(agent)
    byName.set(agent.name, agent)
  }
  return byName
}

/** Each once, however many ways lead to it. */
function withInner(agents: readonly Agent[]): ReadonlySet<Agent> {
  const all = new Set(agents)
  // What is added meanwhile is looked at as well.
  for (const agent of all) {
    const tools = isAgent(agent) ? [...agent.tools.values()] : []
    for (const { agent: inner } of tools) if (inner) all.add(inner)
  }
  return all
}

const twoOfOneName = (agent: Agent | undefined) =>
  new CountersignError('INVALID_DEFINITION', `Two agents are named '${agent?.name}': rename one.`)
