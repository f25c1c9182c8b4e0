import { reasonsNotToResolve } from '../access/rules.ts'
import { editedPaths } from '../approvals/edited-paths.ts'
import { getApproval } from '../approvals/read.ts'
import { reconciledAs } from '../approvals/resolution.ts'
import { shownApproval } from '../approvals/shown.ts'
import { pageOf } from '../connection.ts'
import { type ToolCall as ToolCallShape, toolCalls } from '../runs/view.ts'
import type { ApprovalRecord } from '../store/records.ts'
import { builder } from './builder.ts'
import type { GraphQLContext } from './context.ts'
import { isPublic } from './default-deny.ts'
import { ApprovalAction, ApprovalStatus, ApprovalType, CannotResolveReason, PauseKind } from './enums.ts'
import { journalUnreadable } from './errors.ts'
import { loadCost, loadersOf } from './loaders.ts'
import { Principal, principalOf, via } from './principal.ts'
import { Approval, ApprovalChange, ApprovalChangeConnection, Run, ToolCall } from './refs.ts'
import { Resolution } from './resolution.ts'
import { shownObject } from './shown-json.ts'
import { sensitivePaths } from './tool-call.ts'

ApprovalChange.implement({
  extensions: isPublic,
  description: "One entry of an approval's history.",
  fields: (t) => ({
    revision: t.exposeInt('revision', { description: 'The revision it made.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When.' }),
    by: t.field({
      type: Principal,
      nullable: true,
      description:
        'Who did it: of PROPOSED, who requested the run. Null when a deadline or a cancel did; `RunCancelled` says who cancelled.',
      resolve: ({ by }) => principalOf(by),
    }),
    via: t.field(via),
    action: t.expose('action', { type: ApprovalAction, description: 'What was done.' }),
    note: t.exposeString('note', { nullable: true, description: 'The note that came with it.' }),
  }),
})

/** Every field that tells of the call's data takes it from here. */
const shown = (approval: ApprovalRecord, { engine }: GraphQLContext) => shownApproval(engine.agents, approval)

const reasons = (approval: ApprovalRecord, { engine, principal }: GraphQLContext) =>
  reasonsNotToResolve(principal, approval, {
    allowSelfApproval: engine.settings.allowSelfApproval,
    now: engine.store.now(),
  })

builder.node(Approval, {
  authScopes: (approval) => ({ approval }),
  runScopesOnType: true,
  description:
    'One decision on one tool call, with the exact arguments it is about. A decision lets that call run once, and no other.',
  id: { resolve: ({ id }) => id },
  loadWithoutCache: (id, { engine, principal }) => getApproval(engine, principal, id),
  fields: (t) => ({
    revision: t.exposeInt('revision', { description: '1 at creation, one more with every change.' }),
    status: t.expose('status', { type: ApprovalStatus, description: 'How it stands.' }),
    type: t.expose('type', { type: ApprovalType, description: 'What it is for.' }),
    kind: t.expose('kind', { type: PauseKind, description: 'What is asked for.' }),
    run: t.field({
      type: Run,
      description: 'The run that waits for it. Who sees an approval sees its run.',
      resolve: async ({ id, runId }, _args, context, info) =>
        (await loadersOf(context, info).run(runId)) ?? missing(`the run of ${id}`),
    }),
    toolCall: t.field({
      type: ToolCall,
      description: 'The call it decides, as it stands now.',
      complexity: { field: loadCost },
      async resolve(approval, _args, context, info) {
        const { id, runId, callId } = approval
        const loaders = loadersOf(context, info)
        const run = (await loaders.run(runId)) ?? missing(`the run of ${id}`)
        const calls = toolCalls(context.engine.agents, run, await loaders.state(run))
        return calls.find((call) => call.id === callId) ?? callAsRecorded(shown(approval, context))
      },
    }),
    callId: t.exposeID('callId', { description: "The call's id." }),
    agentName: t.exposeString('agentName', { description: 'The agent whose model asked for the call.' }),
    path: t.exposeStringList('path', {
      description: "The agents from the outermost run's to that one, by name: more than one where agents ask agents.",
    }),
    toolName: t.exposeString('toolName', { description: 'The tool to be called.' }),
    toolDescription: t.exposeString('toolDescription', {
      nullable: true,
      description: "The tool's description, as it was when proposed.",
    }),
    inputSchema: t.field({
      type: 'JSONObject',
      description: 'JSON Schema of the arguments, as it was when proposed.',
      resolve: ({ id, inputSchema }, _args, context) => shownObject(inputSchema, `inputSchema of ${id}`, context),
    }),
    arguments: t.field({
      type: 'JSONObject',
      description:
        'Exactly what was proposed, also after somebody edited it: see `resolution`. What is sensitive stands there as "‹hidden›", and `revealArgument` shows it.',
      resolve: (approval, _args, context) =>
        shownObject(shown(approval, context).arguments, `arguments of ${approval.id}`, context),
    }),
    sensitivePaths: t.field({
      type: t.listRef(t.listRef('String')),
      description: sensitivePaths,
      resolve: (approval, _args, context) => shown(approval, context).sensitive,
    }),
    fingerprint: t.exposeString('fingerprint', {
      description:
        'SHA-256 (hex) of tool, input schema and arguments: what a decision is bound to. A console sends it as `expectedFingerprint`.',
    }),
    answerSchema: t.field({
      type: 'JSONObject',
      description: 'JSON Schema of the values or the result that an approval carries.',
      resolve: ({ id, answerSchema }, _args, context) => shownObject(answerSchema, `answerSchema of ${id}`, context),
    }),
    requestedBy: t.field({
      type: Principal,
      description: 'Who requested the run.',
      resolve: ({ requestedBy }) => ({ id: requestedBy }),
    }),
    viewerCanResolve: t.boolean({
      description: 'Whether the viewer could resolve it now.',
      resolve: (approval, _args, context) => reasons(approval, context).length === 0,
    }),
    viewerCannotResolveReasons: t.field({
      type: [CannotResolveReason],
      description: 'Why the viewer cannot resolve it; empty when they can.',
      resolve: (approval, _args, context) => reasons(approval, context),
    }),
    resolution: t.field({
      type: Resolution,
      nullable: true,
      description: 'How it was resolved; null while it is PENDING.',
      resolve(approval, _args, context) {
        const { kind, resolution, sensitive } = shown(approval, context)
        return (
          resolution && {
            ...resolution,
            reconciled: reconciledAs(kind, resolution),
            editedPaths: () => editedPaths(approval, sensitive),
          }
        )
      },
    }),
    history: t.connection(
      {
        type: ApprovalChange,
        description: 'All that happened to it, oldest first.',
        resolve: (approval, page, context) => pageOf(page, 'history', shown(approval, context).history),
      },
      ApprovalChangeConnection,
    ),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the call was proposed.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'From this moment on it cannot be decided and is EXPIRED; null: it waits for as long as it takes.',
    }),
  }),
})

/** What the approval alone can tell of its call, when the journal does not. */
const callAsRecorded = (approval: ApprovalRecord): ToolCallShape => ({
  id: approval.callId,
  runId: approval.runId,
  toolName: approval.toolName,
  arguments: approval.arguments,
  sensitive: approval.sensitive,
  status: 'UNKNOWN',
  result: null,
  error: journalUnreadable,
  approvalId: approval.id,
  childId: null,
  startedAt: null,
  finishedAt: null,
})

/** The store keeps them together: this is no answer but a fault. */
function missing(what: string): never {
  throw new Error(`The store does not have ${what}`)
}
