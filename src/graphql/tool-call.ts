import { type CallId, runIdOfCall } from '../ids.ts'
import { getRun } from '../runs/read.ts'
import { jsonOrNull, toolCalls } from '../runs/view.ts'
import { builder } from './builder.ts'
import { isPublic } from './default-deny.ts'
import { ApprovalType, Decider, PauseKind, ToolCallStatus } from './enums.ts'
import { loadersOf } from './loaders.ts'
import { Approval, Requirement, Run, ToolCall } from './refs.ts'
import { shownObject } from './shown-json.ts'

export const sensitivePaths =
  'Where in `arguments` something is hidden: names from the outside in, `*` for every member or element; a name leads through a list to each of its elements.'

builder.node(ToolCall, {
  extensions: isPublic,
  description: "A tool's call, as the model asked for it.",
  id: { resolve: ({ id }) => id },
  async loadWithoutCache(id, context, info) {
    const run = await getRun(context.engine, context.principal, runIdOfCall(id as CallId))
    if (!run) return null
    const state = await loadersOf(context, info).state(run)
    return toolCalls(context.engine.agents, run, state).find((call) => call.id === id) ?? null
  },
  fields: (t) => ({
    toolName: t.exposeString('toolName', { description: 'The tool, as the model called it.' }),
    arguments: t.field({
      type: 'JSONObject',
      description:
        'As the model proposed them; as decided, once somebody edited or completed them. What is sensitive stands there as "‹hidden›".',
      resolve: (call, _args, context) => shownObject(call.arguments, `arguments of ${call.id}`, context),
    }),
    sensitivePaths: t.field({
      type: t.listRef(t.listRef('String')),
      description: sensitivePaths,
      resolve: ({ sensitive }) => sensitive,
    }),
    status: t.expose('status', { type: ToolCallStatus, description: 'How far it is.' }),
    result: t.field({
      type: 'JSON',
      nullable: true,
      description:
        'What it gave, without what is hidden in `arguments`; null until it SUCCEEDED, and when it gave null.',
      resolve: ({ result }) => jsonOrNull(result),
    }),
    error: t.exposeString('error', {
      nullable: true,
      description: 'What went wrong, as the model is told; null unless it FAILED.',
    }),
    approval: t.field({
      type: Approval,
      nullable: true,
      description: 'The record of its approval; null when it needs none, or has none yet.',
      resolve: ({ approvalId }, _args, context, info) =>
        approvalId === null ? null : loadersOf(context, info).approval(approvalId),
    }),
    childRun: t.field({
      type: Run,
      nullable: true,
      description:
        'The run that the call began, for a call of an agent; null for other calls, or when it has not begun.',
      resolve: ({ childId }, _args, context, info) => (childId === null ? null : loadersOf(context, info).run(childId)),
    }),
    startedAt: t.expose('startedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the call was made; null when it was not, or not yet.',
    }),
    finishedAt: t.expose('finishedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When its outcome was there; null when it has none.',
    }),
  }),
})

Requirement.implement({
  extensions: isPublic,
  description: 'Something that a paused run waits for a person to say.',
  fields: (t) => ({
    callId: t.exposeID('callId', { description: 'The call it is about.' }),
    path: t.exposeStringList('path', {
      description: "The agents from the outermost run's to the one that asked for the call, by name.",
    }),
    kind: t.expose('kind', { type: PauseKind, description: 'What is asked for.' }),
    decider: t.expose('decider', {
      type: Decider,
      description: 'Who decides it: this says so, and never the absence of an approval.',
    }),
    approvalType: t.expose('approvalType', {
      type: ApprovalType,
      nullable: true,
      description: 'What record it makes; null: none but the journal.',
    }),
    toolCall: t.expose('toolCall', { type: ToolCall, description: 'The call itself.' }),
    answerSchema: t.expose('answerSchema', {
      type: 'JSONObject',
      description: 'JSON Schema of the values or the result that an answer carries.',
    }),
    approval: t.field({
      type: Approval,
      nullable: true,
      description: 'What an approver decides; set when `decider` is APPROVER and its record is there.',
      resolve: ({ approvalId }, _args, context, info) =>
        approvalId === null ? null : loadersOf(context, info).approval(approvalId),
    }),
  }),
})
