import type { LanguageModelV4 } from '@ai-sdk/provider'
import { CountersignError } from '../errors.ts'
import type { Agent } from './agent.ts'
import { readTool } from './read-tool.ts'

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
}

/**
 * Defines an agent and checks all of its tools.
 *
 * @example
 * const echo = defineAgent({ name: 'echo', model: scriptedModel([[{ text: 'Hello.' }]]), tools: { delete_user: deleteUser } })
 * @throws CountersignError INVALID_DEFINITION that names agent and tool and says what to change.
 */
export function defineAgent(definition: AgentDefinition): Agent {
  const { name, model, tools: listed, maxRetries = 2, maxSteps = 50 } = definition
  const fail = (message: string, cause?: unknown) =>
    new CountersignError('INVALID_DEFINITION', `Agent '${name}': ${message}`, { cause })
  if (model?.specificationVersion !== 'v4' || typeof model.doStream !== 'function') {
    throw fail(
      "'model' is no AI SDK language model of specification v4: give one such as openai('gpt-5') from @ai-sdk/openai 4",
    )
  }
  if (!Number.isInteger(maxRetries) || maxRetries < 0) throw fail("'maxRetries' is a whole number from 0")
  if (!Number.isInteger(maxSteps) || maxSteps < 1) throw fail("'maxSteps' is a whole number from 1")
  const given = typeof listed === 'function' ? Reflect.apply(listed, definition, []) : (listed ?? {})
  // A promise or a Map has no entries of its own: it would be an agent without tools.
  if (!isPlainObject(given))
    throw fail("'tools' is a plain object of tools by name, or a function that gives one (not a promise)")
  const tools = toolsOf(given).map(([toolName, tool]) => {
    try {
      return [toolName, readTool(toolName, tool)] as const
    } catch (error) {
      if (!(error instanceof Error)) throw error
      throw fail(`tool '${toolName}': ${error.message}`, error)
    }
  })
  const agent: Agent = Object.freeze({
    name,
    description: definition.description ?? null,
    instructions: definition.instructions ?? null,
    model,
    tools: new Map(tools),
    maxRetries,
    maxSteps,
  })
  made.add(agent)
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

/** What this copy of the package has checked: an agent of another copy has its tools behind another gate. */
const made = new WeakSet<Agent>()

/**
 * The agents of a server by name.
 *
 * @throws CountersignError INVALID_DEFINITION for a name that is no identifier or stands twice.
 */
export function agentsByName(agents: readonly Agent[]): ReadonlyMap<string, Agent> {
  const byName = new Map<string, Agent>()
  for (const agent of agents) {
    if (!made.has(agent)) {
      throw new CountersignError(
        'INVALID_DEFINITION',
        `Agent '${agent?.name}' was not made by defineAgent of this copy of countersign: import both from the same installation.`,
      )
    }
    if (!/^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(agent.name)) {
      throw new CountersignError(
        'INVALID_DEFINITION',
        `Agent '${agent.name}': a name is 1 to 64 letters, digits, _ or -, beginning with a letter.`,
      )
    }
    if (byName.has(agent.name))
      throw new CountersignError('INVALID_DEFINITION', `Two agents are named '${agent.name}': rename one.`)
    byName.set(agent.name, agent)
  }
  return byName
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype) return true
  // Of another realm; a record that inherits from another would leave that one's tools behind.
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty')
}
