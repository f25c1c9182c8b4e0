import type { Engine } from '../engine.ts'
import { type CallId, runIdOfCall } from '../ids.ts'
import type { CallDecision } from '../runs/journal.ts'
import { requirements, type ToolCall as ToolCallShape, toolCall, toolCalls } from '../runs/view.ts'
import type { GraphQLContext } from './context.ts'
import { isPublic } from './default-deny.ts'
import { loadersOf } from './loaders.ts'
import { Requirement, ToolCall } from './refs.ts'
import { happened, interfaces, type Recorded, seq } from './run-event.ts'

// What happens with calls, from the model's wish to the outcome.

happened('model-responded').implement({
  extensions: isPublic,
  description: 'The model answered.',
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    text: t.string({
      nullable: true,
      description: 'What it said; null when it only asked for calls.',
      resolve: ({ entry }) => entry.text,
    }),
    toolCalls: t.field({
      type: [ToolCall],
      description:
        'The calls it asked for; empty until they are read and recorded, of which `ToolCallsProposed` tells.',
      resolve: inContext(callsOfTurn),
    }),
  }),
})

happened('proposed').implement({
  extensions: isPublic,
  description: "The calls that the model asked for are read and recorded, each with whether it needs somebody's word.",
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    toolCalls: t.field({ type: [ToolCall], description: 'These calls.', resolve: inContext(callsOfTurn) }),
  }),
})

happened('paused').implement({
  extensions: isPublic,
  description: 'The run waits for people.',
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    requirements: t.field({
      type: [Requirement],
      description: 'What it waited for then; `run.requirements` has what it waits for now.',
      async resolve(event, _args, context, info) {
        const { run, stateAtEntry } = event
        const tree = await loadersOf(context, info).tree({ run, state: stateAtEntry })
        const { agents } = context.engine
        return requirements(agents, tree).map((one) =>
          runIdOfCall(one.callId) === run.id ? { ...one, toolCall: callNow(event, agents, one.callId) } : one,
        )
      },
    }),
  }),
})

happened('answered').implement({
  extensions: isPublic,
  description: 'The requester decided on calls, perhaps only on some of those that wait.',
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    toolCalls: t.field({
      type: [ToolCall],
      description: 'The calls that were decided.',
      resolve: inContext(decidedCalls),
    }),
  }),
})

happened('decided').implement({
  extensions: isPublic,
  description: 'The run heard of the decisions of approvers, or of deadlines that passed.',
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    toolCalls: t.field({
      type: [ToolCall],
      description: 'The calls that were decided.',
      resolve: inContext(decidedCalls),
    }),
  }),
})

happened('call-started').implement({
  extensions: isPublic,
  description: 'A call is about to be made.',
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    toolCall: t.field({ type: ToolCall, description: 'The call.', resolve: inContext(callOfEntry) }),
  }),
})

happened('interrupted').implement({
  extensions: isPublic,
  description:
    'A call was found begun by a process that is gone. It is made again where its tool allows that; else its status is UNKNOWN, and an approval of kind RECONCILIATION asks what became of it.',
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    toolCall: t.field({ type: ToolCall, description: 'The call.', resolve: inContext(callOfEntry) }),
  }),
})

happened('call-finished').implement({
  extensions: isPublic,
  description: 'A call was made, or failed.',
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    toolCall: t.field({ type: ToolCall, description: 'The call, with its outcome.', resolve: inContext(callOfEntry) }),
  }),
})

type Agents = Engine['agents']

/** What reads calls asks the agents what is not to be shown of them. */
function inContext<Event, Shown>(read: (event: Event, agents: Agents) => Shown) {
  return (event: Event, _args: object, { engine }: GraphQLContext): Shown => read(event, engine.agents)
}

/** The calls of the model's answer that this entry belongs to. */
function callsOfTurn({ run, state, stateAtEntry }: Recorded, agents: Agents): ToolCallShape[] {
  const turn = state.turns[stateAtEntry.turns.length - 1]
  return turn ? turn.calls.map((call) => toolCall(agents, run, state.status, call)) : []
}

function decidedCalls(
  event: Recorded & { readonly entry: { readonly decisions: readonly CallDecision[] } },
  agents: Agents,
): ToolCallShape[] {
  return event.entry.decisions.map(({ callId }) => callNow(event, agents, callId))
}

function callOfEntry(event: Recorded & { readonly entry: { readonly callId: CallId } }, agents: Agents): ToolCallShape {
  return callNow(event, agents, event.entry.callId)
}

function callNow({ run, state }: Recorded, agents: Agents, callId: CallId): ToolCallShape {
  const call = toolCalls(agents, run, state).find(({ id }) => id === callId)
  if (!call) throw new Error(`The journal of ${run.id} does not have the call ${callId}`)
  return call
}
