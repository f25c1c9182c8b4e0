import type { RunWatchEvent } from '../live/run-events.ts'
import type { Entry, EntryOf } from '../runs/journal.ts'
import { builder } from './builder.ts'
import { via as viaOfDoer } from './principal.ts'
import { Run } from './refs.ts'

export type Recorded = Extract<RunWatchEvent, { kind: 'entry' }>
/** An event that is an entry of the journal of this type. */
type Happened<Type extends Entry['type']> = Recorded & { readonly entry: EntryOf<Type> }

const typeNames = {
  started: 'RunStarted',
  'model-responded': 'ModelResponded',
  proposed: 'ToolCallsProposed',
  paused: 'RunPaused',
  answered: 'RunAnswered',
  decided: 'ToolCallsDecided',
  resumed: 'RunResumed',
  'call-started': 'ToolCallStarted',
  interrupted: 'ToolCallInterrupted',
  'call-finished': 'ToolCallFinished',
  'child-started': 'ChildRunStarted',
  completed: 'RunCompleted',
  failed: 'RunFailed',
  cancelled: 'RunCancelled',
} as const satisfies Record<Entry['type'], string>

export const RunEvent = builder.interfaceRef<RunWatchEvent>('RunEvent').implement({
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

export const happened = <Type extends Entry['type']>(type: Type) => builder.objectRef<Happened<Type>>(typeNames[type])
export const interfaces = [RunEvent]
export const seq = {
  description: "Its place in the run's journal, 1 for the first; `runEvents(after: seq)` goes on from here.",
  resolve: ({ entry }: Recorded) => entry.seq,
}
/** Of entries that somebody caused. */
export const via = {
  ...viaOfDoer,
  resolve: ({ entry }: { readonly entry: Parameters<typeof viaOfDoer.resolve>[0] }) => viaOfDoer.resolve(entry),
}
