import { listApprovalsOfRun } from '../approvals/read.ts'
import { defaultPageSize, pageOf } from '../connection.ts'
import { readJsonObject } from '../json.ts'
import { getRun, listRuns } from '../runs/read.ts'
import { requirements, toolCalls } from '../runs/view.ts'
import type { RunFailure as RunFailureShape } from '../store/records.ts'
import { Agent } from './agent.ts'
import { builder } from './builder.ts'
import { isPublic } from './default-deny.ts'
import { ResumeMode, RunOrder, RunStatus } from './enums.ts'
import { loadCost, loadersOf } from './loaders.ts'
import { Principal } from './principal.ts'
import { Approval, ApprovalConnection, Requirement, Run, RunConnection, ToolCall, ToolCallConnection } from './refs.ts'

export const RunFailure = builder.objectRef<RunFailureShape>('RunFailure').implement({
  extensions: isPublic,
  description: 'Why a run failed.',
  fields: (t) => ({
    code: t.exposeString('code', {
      description:
        'MODEL_ERROR or STORE_ERROR (which can be continued), LIMIT_EXCEEDED, TIMED_OUT, TAMPERED or INTERNAL.',
    }),
    message: t.exposeString('message', { description: 'For people.' }),
  }),
})

builder.node(Run, {
  authScopes: (run) => ({ run }),
  runScopesOnType: true,
  description:
    'One request to an agent, from its message to its end. What happened in it is kept as a journal: see `runEvents`.',
  id: { resolve: ({ id }) => id },
  loadWithoutCache: (id, { engine, principal }) => getRun(engine, principal, id),
  fields: (t) => ({
    agent: t.field({
      type: Agent,
      nullable: true,
      description: 'The agent that answers; null when this server has it no longer registered.',
      resolve: ({ agentName }, _args, { engine }) => engine.agents.get(agentName) ?? null,
    }),
    agentName: t.exposeString('agentName', { description: "The agent's name, as it was when the run started." }),
    sessionId: t.exposeID('sessionId', { description: 'The conversation it is part of.' }),
    status: t.expose('status', { type: RunStatus, description: 'How far it is.' }),
    resumeMode: t.expose('resumeMode', { type: ResumeMode, description: 'When it goes on after a pause.' }),
    requestedBy: t.field({
      type: Principal,
      description: 'Who started it.',
      resolve: ({ requestedBy }) => ({ id: requestedBy }),
    }),
    message: t.exposeString('message', { description: 'What the agent was asked.' }),
    output: t.exposeString('output', {
      nullable: true,
      description: "The model's last word; null until it is COMPLETED.",
    }),
    error: t.expose('error', {
      type: RunFailure,
      nullable: true,
      description: 'Why it failed; null unless it FAILED.',
    }),
    requirements: t.field({
      type: [Requirement],
      description:
        'What it waits for now: every open call, in the order the model asked, its own and then those of agents it asked. Empty unless it is PAUSED.',
      complexity: { field: loadCost },
      async resolve(run, _args, context, info) {
        if (run.status !== 'PAUSED') return []
        const { state, tree } = loadersOf(context, info)
        return requirements(context.engine.agents, await tree({ run, state: await state(run) }))
      },
    }),
    parent: t.field({
      type: Run,
      nullable: true,
      description:
        'The run whose agent asked for this one; null when somebody started it, or the viewer may not see that run.',
      resolve: ({ parent }, _args, context, info) => parent && loadersOf(context, info).run(parent.runId),
    }),
    children: t.connection(
      {
        type: Run,
        description: 'The runs of the agents that this one asked, in that order; those that the viewer may see.',
        complexity: ({ first, last }) => ({ field: loadCost, multiplier: first ?? last ?? defaultPageSize }),
        async resolve(run, page, context, info) {
          const loaders = loadersOf(context, info)
          const { turns } = await loaders.state(run)
          const ids = turns.flatMap(({ calls }) => calls.flatMap(({ childId }) => childId ?? []))
          const children = await Promise.all(ids.map(loaders.run))
          return pageOf(
            page,
            'children',
            children.filter((child) => child !== null),
          )
        },
      },
      RunConnection,
    ),
    toolCalls: t.connection(
      {
        type: ToolCall,
        description: 'All its calls, in the order the model asked for them.',
        complexity: ({ first, last }) => ({ field: loadCost, multiplier: first ?? last ?? defaultPageSize }),
        resolve: async (run, page, context, info) =>
          pageOf(page, 'toolCalls', toolCalls(context.engine.agents, run, await loadersOf(context, info).state(run))),
      },
      ToolCallConnection,
    ),
    approvals: t.connection(
      {
        type: Approval,
        description: 'Its approvals that the viewer may see, oldest first.',
        resolve: ({ id }, page, { engine, principal }) => listApprovalsOfRun(engine, principal, id, page),
      },
      ApprovalConnection,
    ),
    lastSeq: t.exposeInt('seq', {
      description: "The journal's last entry; `runEvents(after: lastSeq)` goes on from here.",
    }),
    metadata: t.field({
      type: 'JSONObject',
      nullable: true,
      description: 'What its starter gave along; null when nothing.',
      resolve: ({ metadata }) => (metadata === null ? null : readJsonObject(metadata)),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was started.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When its journal last grew.' }),
    finishedAt: t.expose('finishedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ended; null until then.',
    }),
  }),
})

const RunFilter = builder.inputType('RunFilter', {
  description:
    'Which runs to list: those for which everything given holds. What is left out or null does not restrict; an empty list matches nothing.',
  fields: (t) => ({
    status: t.field({ type: [RunStatus], description: 'Of one of these statuses.' }),
    agentName: t.stringList({ description: 'Of one of these agents.' }),
    sessionId: t.id({ description: 'Of this session.' }),
    requestedBy: t.idList({ description: 'Started by one of these principals.' }),
    createdAfter: t.field({ type: 'DateTime', description: 'Created at this moment or later.' }),
    createdBefore: t.field({ type: 'DateTime', description: 'Created before this moment.' }),
  }),
})

builder.queryFields((t) => ({
  run: t.field({
    authScopes: { signedIn: true },
    type: Run,
    nullable: true,
    description: 'One run; null when there is none of this id, or the viewer may not see it.',
    args: { id: t.arg.id({ required: true, description: 'Its id: `run_…`.' }) },
    resolve: (_root, { id }, { engine, principal }) => getRun(engine, principal, id),
  }),
  runs: t.connection(
    {
      authScopes: { signedIn: true },
      type: Run,
      description: 'The runs that the viewer may see.',
      args: {
        filter: t.arg({ type: RunFilter, description: 'Which ones; all when left out.' }),
        orderBy: t.arg({
          type: RunOrder,
          required: true,
          defaultValue: 'NEWEST_FIRST',
          description: 'In which order.',
        }),
      },
      resolve: (_root, args, { engine, principal }) => listRuns(engine, principal, args),
    },
    RunConnection,
  ),
}))
