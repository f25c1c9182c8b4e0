import type { CallId } from '../ids.ts'
import { type RunWatchEvent, watchRun } from '../live/run-events.ts'
import type { CallDecision, Entry, EntryOf } from '../runs/journal.ts'
import { requirements, type ToolCall as ToolCallShape, toolCall, toolCalls } from '../runs/view.ts'
import { builder } from './builder.ts'
import { eachEvent } from './each-event.ts'
import { loadersOf } from './loaders.ts'
import { Requirement, Run, ToolCall } from './refs.ts'
import { RunFailure } from './run.ts'

type Recorded = Extract<RunWatchEvent, { kind: 'entry' }>
/** An event that is an entry of the journal of this type. */
type Happened<Type extends Entry['type']> = Recorded & { readonly entry: EntryOf<Type> }
type Spoken = Extract<RunWatchEvent, { kind: 'text' }>

const typeNames = {
  started: 'RunStarted',
  'model-responded': 'ModelResponded',
  proposed: 'ToolCallsProposed',
  paused: 'RunPaused',
  answered: 'RunAnswered',
  decided: 'ToolCallsDecided',
  resumed: 'RunResumed',
  'call-started': 'ToolCallStarted',
  'call-finished': 'ToolCallFinished',
  'child-started': 'ChildRunStarted',
  completed: 'RunCompleted',
  failed: 'RunFailed',
  cancelled: 'RunCancelled',
} as const satisfies Record<Entry['type'], string>

const RunEvent = builder.interfaceRef<RunWatchEvent>('RunEvent').implement({
  description:
    'What happened in a run. Runs, calls and approvals in it are in their present state; its own scalars say what happened.',
  resolveType: (event) => (event.kind === 'text' ? 'TextDelta' : typeNames[event.entry.type]),
  fields: (t) => ({
    run: t.field({ type: Run, description: 'The run, as it is now.', resolve: ({ run }) => run }),
    at: t.field({
      type: 'DateTime',
      description: 'When it happened.',
      resolve: (event) => (event.kind === 'text' ? event.delta.at : event.entry.at),
    }),
  }),
})

const happened = <Type extends Entry['type']>(type: Type) => builder.objectRef<Happened<Type>>(typeNames[type])
const interfaces = [RunEvent]
const seq = {
  description: "Its place in the run's journal, 1 for the first; `runEvents(after: seq)` goes on from here.",
  resolve: ({ entry }: Recorded) => entry.seq,
}

happened('started').implement({
  description: 'The run began.',
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    message: t.string({ description: 'What the agent was asked.', resolve: ({ entry }) => entry.message }),
  }),
})

builder.objectRef<Spoken>('TextDelta').implement({
  description:
    'A piece of what the model says while it speaks. Not in the journal, and sent only by the process that works on the run: `ModelResponded` has the whole text.',
  interfaces,
  fields: (t) => ({
    step: t.int({ description: "Which of the model's answers it is part of.", resolve: ({ delta }) => delta.step }),
    offset: t.int({
      description: "Where in the step's text it stands, in UTF-16 units; 0 starts the step's text anew.",
      resolve: ({ delta }) => delta.offset,
    }),
    delta: t.string({ description: 'The piece.', resolve: ({ delta }) => delta.delta }),
  }),
})

happened('model-responded').implement({
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
      resolve: callsOfTurn,
    }),
  }),
})

happened('proposed').implement({
  description: "The calls that the model asked for are read and recorded, each with whether it needs somebody's word.",
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    toolCalls: t.field({ type: [ToolCall], description: 'These calls.', resolve: callsOfTurn }),
  }),
})

happened('paused').implement({
  description: 'The run waits for people.',
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    requirements: t.field({
      type: [Requirement],
      description: 'What it waited for then; `run.requirements` has what it waits for now.',
      resolve: (event) =>
        requirements(event.run.id, event.stateAtEntry).map((one) => ({ ...one, toolCall: callNow(event, one.callId) })),
    }),
  }),
})

happened('answered').implement({
  description: 'The requester decided on calls, perhaps only on some of those that wait.',
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    toolCalls: t.field({ type: [ToolCall], description: 'The calls that were decided.', resolve: decidedCalls }),
  }),
})

happened('decided').implement({
  description: 'The run heard of the decisions of approvers, or of deadlines that passed.',
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    toolCalls: t.field({ type: [ToolCall], description: 'The calls that were decided.', resolve: decidedCalls }),
  }),
})

happened('resumed').implement({
  description: 'The run goes on: everything it waited for is decided, or it was continued after an error.',
  interfaces,
  fields: (t) => ({ seq: t.int(seq) }),
})

happened('call-started').implement({
  description: 'A call is about to be made.',
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    toolCall: t.field({
      type: ToolCall,
      description: 'The call.',
      resolve: (event) => callNow(event, event.entry.callId),
    }),
  }),
})

happened('call-finished').implement({
  description: 'A call was made, or failed.',
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    toolCall: t.field({
      type: ToolCall,
      description: 'The call, with its outcome.',
      resolve: (event) => callNow(event, event.entry.callId),
    }),
  }),
})

happened('child-started').implement({
  description: 'A call of another agent began a run of its own.',
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    child: t.field({
      type: Run,
      description: 'That run.',
      async resolve({ entry }, _args, context, info) {
        const child = await loadersOf(context, info).run(entry.childId)
        if (!child) throw new Error(`The store does not have the run ${entry.childId}`)
        return child
      },
    }),
  }),
})

happened('completed').implement({
  description: 'The run is over: the model said its last word.',
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    output: t.string({ description: 'That word.', resolve: ({ entry }) => entry.output }),
  }),
})

happened('failed').implement({
  description: 'The run failed. After MODEL_ERROR or STORE_ERROR it can be continued.',
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    error: t.field({
      type: RunFailure,
      description: 'Why.',
      resolve: ({ entry: { code, message } }) => ({ code, message }),
    }),
  }),
})

happened('cancelled').implement({
  description: 'The run is over: somebody cancelled it.',
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    reason: t.string({
      nullable: true,
      description: 'What they said; null when nothing.',
      resolve: ({ entry }) => entry.reason,
    }),
  }),
})

/** The calls of the model's answer that this entry belongs to. */
function callsOfTurn({ run, state, stateAtEntry }: Recorded): ToolCallShape[] {
  const turn = state.turns[stateAtEntry.turns.length - 1]
  return turn ? turn.calls.map((call) => toolCall(run.id, state.status, call)) : []
}

function decidedCalls(
  event: Recorded & { readonly entry: { readonly decisions: readonly CallDecision[] } },
): ToolCallShape[] {
  return event.entry.decisions.map(({ callId }) => callNow(event, callId))
}

function callNow({ run, state }: Recorded, callId: CallId): ToolCallShape {
  const call = toolCalls(run.id, state).find(({ id }) => id === callId)
  if (!call) throw new Error(`The journal of ${run.id} does not have the call ${callId}`)
  return call
}

builder.subscriptionField('runEvents', (t) =>
  t.field({
    type: RunEvent,
    description:
      "Every entry of the run's journal after `after`, in order and without a gap, then live; between them what the model says while it speaks. Completes when the run is over. NOT_FOUND for a run that the viewer may not see.",
    args: {
      runId: t.arg.id({ required: true, description: 'The run.' }),
      after: t.arg.int({
        description: 'The last entry that is known already: `lastSeq` or `seq`. From the first entry on when null.',
      }),
    },
    subscribe: async (_root, args, { engine, principal }) => eachEvent(await watchRun(engine, principal, args)),
    resolve: ({ event }) => event,
  }),
)
