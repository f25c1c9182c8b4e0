import type { Agent as AgentShape, AgentTool } from '../agents/agent.ts'
import { readJsonObject } from '../json.ts'
import { builder } from './builder.ts'
import { isPublic } from './default-deny.ts'
import { ApprovalType, PauseKind } from './enums.ts'
import { agentId, agentNameOf } from './node-id.ts'

const Tool = builder.objectRef<AgentTool>('Tool').implement({
  extensions: isPublic,
  description: 'Something an agent can do.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'As the model calls it; one of a kind within the agent.' }),
    description: t.exposeString('description', { nullable: true, description: 'What the model is told it does.' }),
    inputSchema: t.field({
      type: 'JSONObject',
      description: 'JSON Schema of the arguments.',
      resolve: ({ schemaText }) => readJsonObject(schemaText),
    }),
    pauseKind: t.field({
      type: PauseKind,
      nullable: true,
      description:
        'How a call of it pauses the run; null: it runs without a human. A tool with a condition of its own may let a call through.',
      resolve: ({ gate }) => gate?.pause ?? null,
    }),
    approvalType: t.field({
      type: ApprovalType,
      nullable: true,
      description:
        'What record a pause makes; null: the requester answers, and nothing is recorded but in the journal.',
      resolve: ({ gate }) => gate?.approval ?? null,
    }),
    idempotent: t.exposeBoolean('idempotent', {
      description: 'Whether an interrupted call is made again by itself: the tool does it once.',
    }),
    destructive: t.exposeBoolean('destructive', {
      description: 'Whether its author says that a call destroys something.',
    }),
  }),
})

export const Agent = builder.node(builder.objectRef<AgentShape>('Agent'), {
  extensions: isPublic,
  description: 'A model with instructions and tools, as this server has it registered.',
  id: { resolve: ({ name }) => agentId(name) },
  loadWithoutCache: (id, { engine }) => engine.agents.get(agentNameOf(id)) ?? null,
  fields: (t) => ({
    name: t.exposeString('name', { description: 'One of a kind within the server.' }),
    description: t.exposeString('description', {
      nullable: true,
      description: 'What it is for, in the words of who defined it.',
    }),
    tools: t.field({ type: [Tool], description: 'What it can do.', resolve: ({ tools }) => [...tools.values()] }),
  }),
})

builder.queryFields((t) => ({
  agents: t.field({
    authScopes: { signedIn: true },
    type: [Agent],
    description: 'The agents that this server offers; not those that are only tools of others.',
    resolve: (_root, _args, { engine: { agents, offered } }) =>
      [...agents.values()].filter(({ name }) => offered.has(name)),
  }),
  agent: t.field({
    authScopes: { signedIn: true },
    type: Agent,
    nullable: true,
    description: 'One agent; null when none of this name is offered.',
    args: { name: t.arg.string({ required: true, description: 'Its name.' }) },
    resolve: (_root, { name }, { engine: { agents, offered } }) =>
      offered.has(name) ? (agents.get(name) ?? null) : null,
  }),
}))
