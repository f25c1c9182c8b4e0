import { asSchema, type FlexibleSchema } from '@ai-sdk/provider-utils'
import { CountersignError } from '../errors.ts'
import { isJsonObject, type JsonObject, sha256, toJson, toJsonText } from '../json.ts'
import {
  type Agent,
  type AgentTool,
  type Execute,
  execute,
  type Gate,
  type Reconcile,
  type ToModelOutput,
} from './agent.ts'
import { agentOfTool, messageSchema } from './as-tool.ts'
import { timeoutMs } from './duration.ts'
import { type InputSchema, readInputSchema } from './input-schema.ts'
import { isAgent } from './made-agents.ts'
import { partInput, schemaForPerson } from './person-fields.ts'
import { type AnyToolDefinition, readGate } from './read-gate.ts'
import { readSensitive } from './read-sensitive.ts'

const ours = [
  'approval',
  'logApproval',
  'pause',
  'userInput',
  'when',
  'idempotent',
  'reconcile',
  'destructive',
  'sensitive',
  'timeout',
]
const theirs = [
  ...[
    'description',
    'inputSchema',
    'outputSchema',
    'contextSchema',
    'execute',
    'toModelOutput',
    'needsApproval',
    'title',
    'metadata',
  ],
  ...[
    'type',
    'id',
    'args',
    'isProviderExecuted',
    'supportsDeferredResults',
    'strict',
    'inputExamples',
    'providerOptions',
    'deferLoading',
  ],
  ...['onInputStart', 'onInputDelta', 'onInputAvailable'],
]
const known = new Set<string | symbol>([...ours, ...theirs, schemaForPerson, agentOfTool, Symbol.toStringTag])
/** What makes the gate. */
const gating = ['approval', 'logApproval', 'pause', 'userInput', 'when', 'needsApproval'] as const

/** Whether every provider takes it as the name of a tool. */
export const isToolName = (name: string): boolean => /^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$/.test(name)

/**
 * Checks a tool and reads it once, so that nothing done to the definition afterwards changes its gate.
 *
 * @throws CountersignError INVALID_DEFINITION that says what is wrong.
 */
export function readTool(name: string, given: unknown): AgentTool {
  if (typeof given !== 'object' || given === null) throw invalid('it is no tool')
  if (!isToolName(name)) throw invalid('its name must be 1 to 64 letters, digits, _ or -, beginning with a letter or _')
  // A misspelt `approval` must not make a tool that nobody guards.
  const unknown = Reflect.ownKeys(given).find((key) => !known.has(key))
  if (unknown !== undefined) throw invalid(`it has an unknown field '${String(unknown)}'`)
  const tool = readFields(given)
  if (tool.type === 'provider') {
    throw invalid(
      'it is executed or defined by the model provider and cannot be put under a gate: write it as a function tool',
    )
  }
  const gate = readGate(tool)
  if (typeof tool.execute !== 'function' && tool.execute !== undefined) throw invalid('execute is no function')
  const agent = readAgent(tool)
  const schema = readInputSchema(tool.inputSchema)
  const schemaText = toJsonText(schema.json)
  const { modelSchema, personFields } = readParts(tool, gate, schema)
  return Object.freeze({
    name,
    // A function wants the context of a call, which a definition has not.
    description: typeof tool.description === 'string' ? tool.description : null,
    schema,
    schemaText,
    modelSchema,
    personFields,
    schemaDigest: sha256(personFields === null ? schemaText : schemaText + JSON.stringify(personFields.fields)),
    outputSchema: readOutputSchema(tool.outputSchema),
    gate: gate && Object.freeze(gate),
    idempotent: tool.idempotent === true,
    reconcile: readReconcile(tool),
    destructive: tool.destructive === true,
    sensitive: readSensitive(tool.sensitive, schema),
    timeoutMs: timeoutMs(tool.timeout),
    [execute]: tool.execute === undefined ? null : (tool.execute.bind(given) as Execute),
    agent,
    toModelOutput: typeof tool.toModelOutput === 'function' ? (tool.toModelOutput.bind(given) as ToModelOutput) : null,
  })
}

/** Its fields, inherited ones too. What a getter says later changes nothing, and one that says now this and now that is not believed. */
function readFields(given: object): AnyToolDefinition {
  const look = () => Object.fromEntries([...known].map((key) => [key, Reflect.get(given, key)])) as AnyToolDefinition
  const [tool, again] = [look(), look()]
  const unsteady = gating.find((key) => !isAlike(tool[key], again[key]))
  if (unsteady !== undefined) throw invalid(`${unsteady} changes from one look to the next`)
  return tool
}

/** A getter may make its object or function anew each time. */
const isAlike = (one: unknown, other: unknown) =>
  Object.is(one, other) || (typeof one === typeof other && (typeof one === 'object' || typeof one === 'function'))

function readAgent({
  [agentOfTool]: agent,
  inputSchema,
  toModelOutput,
  timeout,
  sensitive,
}: AnyToolDefinition): Agent | null {
  if (agent === undefined) return null
  if (!isAgent(agent))
    throw invalid(
      'asTool takes an agent made by defineAgent of this copy of countersign: import both from the same installation',
    )
  if (inputSchema !== messageSchema)
    throw invalid('inputSchema and asTool exclude each other: an agent is given a message')
  if (toModelOutput !== undefined)
    throw invalid('toModelOutput and asTool exclude each other: the result is what the agent says')
  if (sensitive !== undefined)
    throw invalid('sensitive and asTool exclude each other: the message is shown with the run it begins')
  if (timeout !== undefined) throw invalid('timeout and asTool exclude each other: set it on the tools of that agent')
  return agent
}

function readReconcile(tool: AnyToolDefinition): Reconcile | null {
  const { reconcile, idempotent, execute } = tool
  if (reconcile === undefined) return null
  if (typeof reconcile !== 'function') throw invalid('reconcile is a function of the input')
  if (execute === undefined) throw invalid('reconcile needs execute: what is not made here is not cut off here')
  if (idempotent === true)
    throw invalid('idempotent and reconcile exclude each other: a call that may be made again need not be looked up')
  return reconcile.bind(tool) as Reconcile
}

/** Who fills which part of the input. */
function readParts(tool: AnyToolDefinition, gate: Gate | null, schema: InputSchema) {
  if (gate?.pause !== 'USER_INPUT') return { modelSchema: schema, personFields: null }
  const { forModel, forPerson } = partInput(tool.inputSchema, schema, tool.userInput ?? [])
  const own = tool[schemaForPerson]
  return { modelSchema: forModel, personFields: own ? { ...forPerson, schemaFor: own } : forPerson }
}

/** For whoever reports a result from elsewhere: a hint, which is not enforced. */
function readOutputSchema(given: unknown): JsonObject {
  try {
    const json = given === undefined ? {} : toJson(asSchema(given as FlexibleSchema<unknown>).jsonSchema)
    return isJsonObject(json) ? json : {}
  } catch {
    return {}
  }
}

const invalid = (message: string) => new CountersignError('INVALID_DEFINITION', message)
