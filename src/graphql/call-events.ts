import type { Engine } from '../engine.ts'
import { type CallId, runIdOfCall } from '../ids.ts'
import type { Call } from '../runs/fold.ts'
import type { CallDecision, EntryOf } from '../runs/journal.ts'
import { callDecision, requirements, type ToolCall as ToolCallShape, toolCall } from '../runs/view.ts'
import { Answer, type AnswerShape } from './answer.ts'
import type { GraphQLContext } from './context.ts'
import { isPublic } from './default-deny.ts'
import { loadersOf } from './loaders.ts'
import { Principal } from './principal.ts'
import { Requirement, ToolCall } from './refs.ts'
import { happened, interfaces, type Recorded, seq, via } from './run-event.ts'

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
  description: 'Who requested the run, or an ADMIN, decided on calls, perhaps only on some of those that wait.',
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    by: t.field({
      type: Principal,
      // As of `RunCancelled`, so that one document may ask for both.
      nullable: true,
      description: 'Who decided, as authentication found them.',
      resolve: ({ entry }) => ({ id: entry.by }),
    }),
    via: t.field(via),
    answers: t.field({ type: [Answer], description: 'What was answered to each.', resolve: inContext(answersOf) }),
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

function answersOf(event: Recorded & { readonly entry: EntryOf<'answered'> }, agents: Agents): AnswerShape[] {
  return event.entry.decisions.map((decision) => ({
    ...callDecision(agents, event.run, recordedCall(event, decision.callId), decision),
    toolCall: callNow(event, agents, decision.callId),
  }))
}

function callOfEntry(event: Recorded & { readonly entry: { readonly callId: CallId } }, agents: Agents): ToolCallShape {
  return callNow(event, agents, event.entry.callId)
}

function callNow(event: Recorded, agents: Agents, callId: CallId): ToolCallShape {
  return toolCall(agents, event.run, event.state.status, recordedCall(event, callId))
}

function recordedCall({ run, state }: Recorded, callId: CallId): Call {
  const call = state.turns.flatMap(({ calls }) => calls).find(({ proposed }) => proposed.callId === callId)
  if (!call) throw new Error(`The journal of ${run.id} does not have the call ${callId}`)
  return call
}
