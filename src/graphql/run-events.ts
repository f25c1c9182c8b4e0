import { audited } from '../access/audited.ts'
import { CountersignError } from '../errors.ts'
import { type RunWatchEvent, watchRun } from '../live/run-events.ts'
import { builder } from './builder.ts'
import { isPublic } from './default-deny.ts'
import { eachEvent } from './each-event.ts'
import { loadersOf } from './loaders.ts'
import { Principal, principalOf } from './principal.ts'
import { Run } from './refs.ts'
import { RunFailure } from './run.ts'
import { happened, interfaces, RunEvent, seq, via } from './run-event.ts'

builder.subscriptionField('runEvents', (t) =>
  t.field({
    authScopes: { signedIn: true },
    type: RunEvent,
    description:
      "Every entry of the run's journal after `after`, in order and without a gap, then live; between them what the model says while it speaks. Completes when the run is over. NOT_FOUND for a run that the viewer may not see.",
    args: {
      runId: t.arg.id({ required: true, description: 'The run.' }),
      after: t.arg.int({
        description: 'The last entry that is known already: `lastSeq` or `seq`. From the first entry on when null.',
      }),
    },
    async subscribe(_root, args, context) {
      const { engine, principal, requestId } = context
      const asked = { operation: 'runEvents', principal, requestId, input: args }
      return eachEvent(await audited(engine.log, asked, () => watchRun(engine, principal, args)), context)
    },
    resolve: ({ event }) => event,
  }),
)

builder.objectRef<Extract<RunWatchEvent, { kind: 'text' }>>('TextDelta').implement({
  extensions: isPublic,
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

happened('started').implement({
  extensions: isPublic,
  description: 'The run began, requested by `run.requestedBy`.',
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    via: t.field(via),
    message: t.string({ description: 'What the agent was asked.', resolve: ({ entry }) => entry.message }),
  }),
})

happened('resumed').implement({
  extensions: isPublic,
  description: 'The run goes on: everything it waited for is decided, or it was continued after an error.',
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    by: t.field({
      type: Principal,
      nullable: true,
      description: 'Who continued it; null when it went on by itself.',
      resolve: ({ entry }) => principalOf(entry.by),
    }),
    via: t.field(via),
  }),
})

happened('child-started').implement({
  extensions: isPublic,
  description: 'A call of another agent began a run of its own; it has events of its own.',
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    child: t.field({
      type: Run,
      description: 'That run. NOT_FOUND when the viewer may not see it: an approver sees runs with approvals only.',
      async resolve({ entry }, _args, context, info) {
        const child = await loadersOf(context, info).run(entry.childId)
        if (!child) throw new CountersignError('NOT_FOUND', 'There is no such run.')
        return child
      },
    }),
  }),
})

happened('completed').implement({
  extensions: isPublic,
  description: 'The run is over: the model said its last word.',
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    output: t.string({ description: 'That word.', resolve: ({ entry }) => entry.output }),
  }),
})

happened('failed').implement({
  extensions: isPublic,
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
  extensions: isPublic,
  description: 'The run is over: it was cancelled.',
  interfaces,
  fields: (t) => ({
    seq: t.int(seq),
    by: t.field({
      type: Principal,
      nullable: true,
      description: 'Who cancelled it; null when nobody did: a deadline passed, or the run that asked for it is over.',
      resolve: ({ entry }) => principalOf(entry.by),
    }),
    via: t.field(via),
    reason: t.string({
      nullable: true,
      description: 'What they said; null when nothing.',
      resolve: ({ entry }) => entry.reason,
    }),
  }),
})
