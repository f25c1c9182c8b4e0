export type { Authenticate } from './access/authenticate.ts'
export type { JwtAlgorithm } from './access/jwt-settings.ts'
export type { PrincipalInput, Role } from './access/principal.ts'
export type { Agent } from './agents/agent.ts'
export { asTool } from './agents/as-tool.ts'
export { askUser } from './agents/ask-user.ts'
export { type AgentDefinition, defineAgent, type ToolRecord } from './agents/define-agent.ts'
export type { McpClient } from './agents/mcp-client.ts'
export type { McpResult } from './agents/mcp-result.ts'
export type { McpTool, McpToolSettings, McpToolsOptions } from './agents/mcp-settings.ts'
export { mcpTools } from './agents/mcp-tools.ts'
export {
  type Script,
  type ScriptedAnswer,
  type ScriptedCall,
  type ScriptedPart,
  scriptedModel,
} from './agents/scripted-model.ts'
export {
  type ApprovalSetting,
  type ApprovalSettings,
  type Duration,
  type GateFields,
  type PauseSetting,
  type Reconciled,
  type ToolDefinition,
  tool,
} from './agents/tool.ts'
export type { Limits } from './engine.ts'
export { CountersignError, type ErrorCode } from './errors.ts'
export type { ApprovalId, CallId, PrincipalId, RunId } from './ids.ts'
export type {
  AnswerInput,
  CancelRunInput,
  ContinueRunInput,
  DecisionInput,
  ResolveApprovalInput,
  RevealArgumentInput,
  StartRunInput,
} from './inputs.ts'
export type {
  CancelRunResult,
  ContinueRunResult,
  ResolveApprovalResult,
  RevealArgumentResult,
  StartRunResult,
} from './results.ts'
export type { DatabaseSetting } from './server/database.ts'
export type { JwtOptions } from './server/jwt-options.ts'
export type { RateLimits, ServerOptions } from './server/options.ts'
export { createServer, type Listening, type Server } from './server/server.ts'
export type { ApprovalRecord, ApprovalStatus, ApprovalType, PauseKind, RunRecord, RunStatus } from './store/records.ts'
