import { type FlexibleSchema, jsonSchema } from '@ai-sdk/provider-utils'
import { z } from 'zod'
import { CountersignError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import { callTool, type ListedTool, listTools, type McpClient } from './mcp-client.ts'
import { readResult, toModelOutput } from './mcp-result.ts'
import { type McpTool, type McpToolSettings, type McpToolsOptions, readSettings } from './mcp-settings.ts'
import { isToolName } from './read-tool.ts'

/**
 * The tools of an MCP server, for `defineAgent`. Those that are not annotated read-only need an approver. They are listed once: what the server
 * adds or changes afterwards is not taken up.
 *
 * @param client A connected `Client` of `@modelcontextprotocol/sdk`. It stays yours: close it after the server that runs the agent.
 * @throws CountersignError INVALID_DEFINITION for settings of a tool that the server does not have, and for a tool that cannot be one here (it says
 * how to rename it or leave it out); else what the client throws.
 * @example
 * const tools = await mcpTools(client, { tools: { delete_file: { approval: { type: 'required', expiresIn: '24h' } } } })
 * const agent = defineAgent({ name: 'files', model, tools })
 */
export async function mcpTools(client: McpClient, options: McpToolsOptions = {}): Promise<Record<string, McpTool>> {
  if (typeof client?.request !== 'function')
    throw invalid('mcpTools wants a connected Client of @modelcontextprotocol/sdk')
  const settings = readSettings(options)
  const listed = await listTools(client)
  const missing = [...settings.keys()].find((name) => !listed.some((tool) => tool.name === name))
  if (missing !== undefined) {
    const names = listed.map(({ name }) => name).join(', ') || 'none'
    throw invalid(`'tools' has settings for '${missing}', which is no tool of the MCP server. Its tools: ${names}`)
  }
  const kept = listed.flatMap((tool) => {
    const own = settings.get(tool.name) ?? {}
    if (own === false) return []
    const { name = tool.name, ...fields } = own
    return { tool, name, fields }
  })
  requireNames(kept)
  return Object.fromEntries(kept.map(({ tool, name, fields }) => [name, toTool(client, tool, options, fields)]))
}

function requireNames(kept: readonly { tool: ListedTool; name: string }[]): void {
  const wrong = kept.filter(({ name }) => typeof name !== 'string' || !isToolName(name))
  if (wrong.length > 0) {
    const names = wrong.map(({ name }) => `'${name}'`).join(', ')
    const renamed = wrong.map(({ tool }) => `'${tool.name}': { name: '${suggestion(tool.name)}' }`).join(', ')
    throw invalid(
      `The MCP server has tools whose names are none here: ${names}. A name is 1 to 64 letters, digits, _ or -, beginning with a letter or _. ` +
        `Rename them, tools: { ${renamed} }, or leave them out, with false in place of { name }`,
    )
  }
  const twice = kept.find(({ name }, index) => kept.findIndex((other) => other.name === name) !== index)
  if (twice) throw invalid(`Two tools of the MCP server would be named '${twice.name}': give one another name`)
}

const suggestion = (name: string) =>
  name
    .replaceAll(/[^a-zA-Z0-9_-]/g, '_')
    .replace(/^(?![a-zA-Z_])/, '_')
    .slice(0, 64)

function toTool(
  client: McpClient,
  tool: ListedTool,
  { approval = 'required', pause, trustAnnotations = true }: McpToolsOptions,
  own: McpToolSettings,
): McpTool {
  if (tool.execution?.taskSupport === 'required')
    throw invalid(
      `The MCP server's tool '${tool.name}' is to be called as a task, which is not supported: leave it out, tools: { '${tool.name}': false }`,
    )
  const { readOnlyHint, destructiveHint } = (trustAnnotations === true && tool.annotations) || {}
  // One that says both contradicts itself: the safer word counts.
  const isReadOnly = readOnlyHint === true && destructiveHint !== true
  const defaults = isReadOnly || own.approval === false ? {} : { approval, pause }
  const { approval: agreed, ...fields } = { ...defaults, ...own }
  return {
    description: tool.description ?? tool.title,
    inputSchema: inputSchemaOf(tool),
    outputSchema: tool.outputSchema && jsonSchema(tool.outputSchema),
    // MCP takes a tool for destructive unless it says otherwise.
    destructive: !isReadOnly && destructiveHint !== false,
    // As long as MCP clients wait by themselves. There is no `idempotent` from idempotentHint: a call would be repeated after a crash on a stranger's word.
    timeout: '60s',
    toModelOutput,
    execute: async (input, { toolCallId, abortSignal }) =>
      readResult(await callTool(client, { name: tool.name, input, toolCallId }, abortSignal)),
    ...fields,
    ...(agreed !== false && { approval: agreed }),
  }
}

/** What zod cannot check (`if`, `not`, references to elsewhere than `$defs`) is left to the server, which checks it anyway. */
function inputSchemaOf({ inputSchema }: ListedTool): FlexibleSchema<JsonObject> {
  try {
    z.fromJSONSchema(inputSchema)
    return jsonSchema(inputSchema)
  } catch {
    return jsonSchema(inputSchema, { validate: (value) => ({ success: true, value: value as JsonObject }) })
  }
}

const invalid = (message: string) => new CountersignError('INVALID_DEFINITION', message)
