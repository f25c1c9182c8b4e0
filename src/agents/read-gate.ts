import { CountersignError } from '../errors.ts'
import type { PauseKind } from '../store/records.ts'
import type { Gate } from './agent.ts'
import { agentOfTool } from './as-tool.ts'
import type { PersonFields, schemaForPerson } from './person-fields.ts'
import { readDeadline } from './read-deadline.ts'
import type { ToolDefinition } from './tool.ts'

const pauses = {
  confirmation: 'CONFIRMATION',
  'user-input': 'USER_INPUT',
  'external-execution': 'EXTERNAL_EXECUTION',
} as const satisfies Record<string, PauseKind>

/** A tool's definition with what the AI SDK may have put there. */
export type AnyToolDefinition = Omit<ToolDefinition, 'when' | 'execute' | 'toModelOutput' | 'reconcile'> & {
  readonly when?: unknown
  readonly execute?: unknown
  readonly reconcile?: unknown
  readonly toModelOutput?: unknown
  readonly needsApproval?: unknown
  readonly type?: unknown
  readonly outputSchema?: unknown
  readonly [schemaForPerson]?: PersonFields['schemaFor']
  readonly [agentOfTool]?: unknown
}

/**
 * What a tool's definition says about pausing, or null when its calls need nobody.
 *
 * @throws CountersignError INVALID_DEFINITION that says which settings exclude each other and what to write instead.
 */
export function readGate(tool: AnyToolDefinition): Gate | null {
  const asked = readNeedsApproval(tool.needsApproval)
  const { type, deadline } = readApproval(tool, asked !== null)
  const pause = readPause(tool, type)
  const when = readWhen(tool, asked)
  if (pause === 'external-execution' && when) {
    throw invalid(
      "when and pause: 'external-execution' exclude each other: nobody here could make a call that does not pause",
    )
  }
  if (pause === null) {
    if (when) throw invalid("'when' without a pause never applies: add approval: 'required', or pause: 'confirmation'")
    return null
  }
  return {
    pause: pauses[pause],
    approval: type === null ? null : type === 'required' ? 'REQUIRED' : 'AUDIT',
    deadline,
    when,
  }
}

type Asked = true | NonNullable<Gate['when']>

/** The AI SDK's `needsApproval`: true or a function asks for an approver; it is never ignored. */
function readNeedsApproval(value: unknown): Asked | null {
  if (value === undefined || value === false) return null
  if (value === true) return true
  if (typeof value === 'function') return value as Asked
  throw invalid(
    `needsApproval: ${String(value)} cannot be mapped: give true, false or a function, or use approval: 'required'`,
  )
}

function readApproval(tool: AnyToolDefinition, asked: boolean) {
  const given = tool.approval
  const { type: named, ...settings } = typeof given === 'object' && given !== null ? given : { type: given }
  // Only what an approver decides has a deadline.
  const stated = named ?? (settings.expiresIn === undefined ? named : 'required')
  if (tool.logApproval !== undefined && typeof tool.logApproval !== 'boolean')
    throw invalid('logApproval is true or false')
  // An approval that is given without its type must not become none.
  if (given !== undefined && stated == null) throw invalid("approval needs its type: 'required' or 'audit'")
  const type = stated ?? (tool.logApproval ? 'audit' : asked ? 'required' : null)
  if (type !== null && type !== 'required' && type !== 'audit') {
    throw invalid(`approval: '${String(type)}' is unknown: 'required' and 'audit' are the types`)
  }
  if (type === 'required' && tool.logApproval)
    throw invalid(
      "approval: 'required' and logApproval: true exclude each other: a required approval is recorded anyway",
    )
  if (type === 'audit' && asked)
    throw invalid("approval: 'audit' and needsApproval exclude each other: needsApproval means approval: 'required'")
  return { type, deadline: readDeadline(settings, type) } as const
}

function readPause(tool: AnyToolDefinition, approval: 'required' | 'audit' | null): keyof typeof pauses | null {
  const { pause, userInput } = tool
  if (pause !== undefined && !Object.hasOwn(pauses, pause)) {
    throw invalid(
      `pause: '${String(pause)}' is unknown: 'confirmation', 'user-input' and 'external-execution' are the pauses`,
    )
  }
  if (userInput !== undefined && pause !== 'user-input') {
    throw invalid(`userInput and pause: '${pause ?? 'none'}' exclude each other: add pause: 'user-input'`)
  }
  if (userInput !== undefined && !(Array.isArray(userInput) && userInput.every((field) => typeof field === 'string'))) {
    throw invalid('userInput is a list of names of input fields')
  }
  if (approval === 'audit' && pause === undefined) {
    throw invalid(
      "approval: 'audit' (logApproval: true) needs a pause: add pause: 'confirmation', 'user-input' or 'external-execution'",
    )
  }
  if (tool[agentOfTool] !== undefined) return readAgentPause(tool, approval)
  if (tool.execute === undefined && pause !== undefined && pause !== 'external-execution') {
    throw invalid(`pause: '${pause}' needs execute: add it, or use pause: 'external-execution'`)
  }
  if (tool.execute !== undefined && pause === 'external-execution') {
    throw invalid("execute and pause: 'external-execution' exclude each other: the tool runs elsewhere")
  }
  if (tool.execute === undefined) return 'external-execution'
  return pause ?? (approval === 'required' ? 'confirmation' : null)
}

/** Its calls are runs: there is nothing to execute, and a person may allow the run but not take part in its making. */
function readAgentPause({ pause, execute }: AnyToolDefinition, approval: 'required' | 'audit' | null) {
  if (execute !== undefined) throw invalid('execute and asTool exclude each other: the agent does the work')
  if (pause !== undefined && pause !== 'confirmation')
    throw invalid(`pause: '${pause}' and asTool exclude each other: a run of an agent can be confirmed, and no more`)
  return pause ?? (approval === 'required' ? ('confirmation' as const) : null)
}

function readWhen(tool: AnyToolDefinition, asked: Asked | null): Gate['when'] {
  const { when } = tool
  if (when !== undefined && typeof when !== 'function') throw invalid('when is a function of the input')
  // `approval: 'required'` laid over a tool of the AI SDK is the stricter of the two: each call pauses.
  if (typeof asked !== 'function' || (tool.approval !== undefined && !when)) return (when as Gate['when']) ?? null
  if (when) throw invalid('when and a needsApproval function exclude each other: keep one of them')
  return asked
}

const invalid = (message: string) => new CountersignError('INVALID_DEFINITION', message)
