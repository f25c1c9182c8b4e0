import type { Reconciled as ReconciledShape } from '../approvals/resolution.ts'
import { readJsonObject } from '../json.ts'
import type { SensitivePath } from '../sensitive.ts'
import type { Resolution as ResolutionShape } from '../store/records.ts'
import { builder } from './builder.ts'
import * as decided from './decided.ts'
import { isPublic } from './default-deny.ts'
import { ApprovalStatus, Reconciled, ResolutionCause } from './enums.ts'
import { Principal, principalOf, via } from './principal.ts'

/** `editedPaths` are looked for when they are asked for. */
type Shown = ResolutionShape & {
  readonly reconciled: ReconciledShape | null
  readonly editedPaths: () => readonly SensitivePath[] | null
}

export const Resolution = builder.objectRef<Shown>('Resolution').implement({
  extensions: isPublic,
  description: 'How an approval was resolved. Written once, and never changed.',
  fields: (t) => ({
    status: t.expose('status', { type: ApprovalStatus, description: 'How the approval stands since.' }),
    cause: t.expose('cause', { type: ResolutionCause, description: 'What resolved it.' }),
    reconciled: t.expose('reconciled', {
      type: Reconciled,
      nullable: true,
      description:
        'What was said of the interrupted call, for RECONCILIATION; null for other kinds, and when nobody said.',
    }),
    resolvedBy: t.field({
      type: Principal,
      nullable: true,
      description: 'Who decided, as authentication found them; null when a deadline or a cancel resolved it.',
      resolve: ({ by }) => principalOf(by),
    }),
    via: t.field(via),
    resolvedAt: t.expose('at', { type: 'DateTime', description: 'When.' }),
    note: t.field(decided.note),
    message: t.field(decided.message),
    arguments: t.field({
      type: 'JSONObject',
      nullable: true,
      description: 'The arguments as the approver edited them; null when the call runs as proposed.',
      resolve: (resolution) => (resolution.arguments === null ? null : readJsonObject(resolution.arguments)),
    }),
    editedPaths: t.field({
      type: t.listRef(t.listRef('String')),
      nullable: true,
      description:
        'Where `arguments` differ from what was proposed, without the values: names and places in lists from the outside in, the first 100. Of what is hidden, or stands within, the path that hides it, as `sensitivePaths` has it. Null when the call runs as proposed.',
      resolve: ({ editedPaths }) => editedPaths(),
    }),
    fingerprint: t.exposeString('fingerprint', {
      nullable: true,
      description:
        'SHA-256 (hex) of tool, input schema and the arguments that the call runs with, as edited and with the values filled in, hidden ones included; null when that is what was proposed, whose fingerprint the approval has.',
    }),
    values: t.field(decided.values),
    result: t.field(decided.result),
    error: t.field(decided.error),
  }),
})
