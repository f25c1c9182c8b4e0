import type { FlexibleSchema } from '@ai-sdk/provider-utils'
import { CountersignError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import type { McpResult } from './mcp-result.ts'
import { isPlainObject } from './plain-object.ts'
import type { GateFields, ToolDefinition } from './tool.ts'

/** A tool that an MCP server does. */
export type McpTool = ToolDefinition<JsonObject, McpResult> & { outputSchema?: FlexibleSchema<unknown> }

/** What is laid over one tool of a server: a tool's fields, less `execute`. What is left out, or undefined, stays as it is. */
export type McpToolSettings = Partial<Omit<McpTool, 'execute' | 'approval' | 'logApproval'>> & {
  /** What it is called here: 1 to 64 letters, digits, _ or -, beginning with a letter or _. */
  name?: string
  /** As in a tool. `false`: nobody is asked, unless a `pause` beside it says so. */
  approval?: GateFields<JsonObject>['approval'] | false
}

export type McpToolsOptions = {
  /** Who must agree before a call of a tool that is not annotated read-only. Default `'required'`; `false`: nobody, but where `tools` says so. */
  approval?: GateFields<JsonObject>['approval'] | false
  /** How the calls of those tools pause. `approval: 'audit'` needs it. */
  pause?: 'confirmation'
  /**
   * Whether what the server says of its tools counts: that one with `readOnlyHint: true` only reads, and needs nobody. Default true. With false, for a
   * server that you cannot vouch for, every tool needs approval, but where `tools` says otherwise.
   */
  trustAnnotations?: boolean
  /** Settings by the name that the server gives a tool; `false` leaves the tool out. */
  tools?: Readonly<Record<string, McpToolSettings | false>>
}

const optionNames = ['approval', 'pause', 'trustAnnotations', 'tools'] satisfies (keyof McpToolsOptions)[]

/**
 * The settings of single tools by the names that the server gives them. Reads strictly: what is overlooked would be a tool without its gate.
 *
 * @throws CountersignError INVALID_DEFINITION
 */
export function readSettings(options: McpToolsOptions): ReadonlyMap<string, McpToolSettings | false> {
  if (!isPlainObject(options)) throw invalid('The options of mcpTools are a plain object')
  const unknown = Object.keys(options).find((name) => !optionNames.some((known) => known === name))
  if (unknown !== undefined)
    throw invalid(`mcpTools has no option '${unknown}': ${optionNames.join(', ')} are its options`)
  const { tools = {} } = options
  if (!isPlainObject(tools)) throw invalid("'tools' of mcpTools is a plain object of settings by the names of tools")
  const entries = Object.entries(tools).map(([name, own]) => {
    if (own !== false && !isPlainObject(own))
      throw invalid(`The settings of '${name}' are a plain object, or false to leave the tool out`)
    return [name, own && defined(own)] as const
  })
  return new Map(entries)
}

/** Without what is undefined: `{ approval: strict ? 'required' : undefined }` takes no gate away. */
const defined = (own: McpToolSettings): McpToolSettings =>
  Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined))

const invalid = (message: string) => new CountersignError('INVALID_DEFINITION', message)
