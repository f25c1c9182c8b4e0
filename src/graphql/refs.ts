import type { Requirement as RequirementShape, ToolCall as ToolCallShape } from '../runs/view.ts'
import type { ApprovalChange as ApprovalChangeShape, ApprovalRecord, RunRecord } from '../store/records.ts'
import { builder } from './builder.ts'
import { isPublic } from './default-deny.ts'

// The types that speak of each other, named before any of them is described.

export const Run = builder.objectRef<RunRecord>('Run')
export const ToolCall = builder.objectRef<ToolCallShape>('ToolCall')
export const Requirement = builder.objectRef<RequirementShape>('Requirement')
export const Approval = builder.objectRef<ApprovalRecord>('Approval')
export const ApprovalChange = builder.objectRef<ApprovalChangeShape>('ApprovalChange')

export const RunConnection = builder.connectionObject(
  { type: Run, extensions: isPublic, name: 'RunConnection', description: 'A page of runs.' },
  { extensions: isPublic, name: 'RunEdge', description: 'A run in a list.' },
)
export const ToolCallConnection = builder.connectionObject(
  { type: ToolCall, extensions: isPublic, name: 'ToolCallConnection', description: 'A page of tool calls.' },
  { extensions: isPublic, name: 'ToolCallEdge', description: 'A tool call in a list.' },
)
export const ApprovalConnection = builder.connectionObject(
  { type: Approval, extensions: isPublic, name: 'ApprovalConnection', description: 'A page of approvals.' },
  { extensions: isPublic, name: 'ApprovalEdge', description: 'An approval in a list.' },
)
export const ApprovalChangeConnection = builder.connectionObject(
  {
    type: ApprovalChange,
    extensions: isPublic,
    name: 'ApprovalChangeConnection',
    description: "A page of an approval's history.",
  },
  { extensions: isPublic, name: 'ApprovalChangeEdge', description: 'A change in a list.' },
)
