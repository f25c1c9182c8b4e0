import type { JsonObject, JsonValue } from '../../../src/json.ts'
import { factsOf, type ToolName } from './sequence-tools.ts'

// What people say to a call: what fits and what it must lead to, and what must be refused.

export type Said = {
  /** As the API takes it, or should not. */
  readonly decision: unknown
  readonly fits: boolean
  readonly verdict: 'APPROVED' | 'REJECTED'
  /** The arguments as an approver wrote them, with what they left out filled in. */
  readonly edit: JsonObject | null
  readonly values: JsonObject | null
  /** How it ended elsewhere. */
  readonly outcome: { readonly result: JsonValue } | { readonly error: string } | null
}
/** `fits` is what is wanted; `which` of those there are. */
export type Choice = { readonly fits: boolean; readonly which: number }

export function sayTo(tool: ToolName, { fits, which }: Choice): Said {
  const { tier, pause } = factsOf(tool)
  const choices = fits ? fitting[pause](tier === 'required') : misfits[pause](tier === 'required')
  const chosen = choices[which % choices.length]
  if (!chosen) throw new Error('There is nothing to say.')
  return chosen
}

const nothing = { fits: true, verdict: 'APPROVED', edit: null, values: null, outcome: null } as const
const approve = (input: object, said: Partial<Said> = {}): Said => ({
  ...nothing,
  decision: { approve: input },
  ...said,
})
const reject = (message?: string): Said => ({
  ...nothing,
  decision: { reject: message === undefined ? {} : { message } },
  verdict: 'REJECTED',
})
const wrong = (decision: unknown): Said => ({ ...nothing, decision, fits: false })

const fifty = { values: { euros: 50 } }
const paid = { outcome: { success: { result: { paid: true } } } }
const eve = { to: 'Eve', euros: 7 }

const fitting = {
  confirmation: (mayEdit: boolean) => [
    approve({}),
    reject(),
    approve({}),
    ...(mayEdit ? [approve({ arguments: eve }, { edit: eve })] : [reject('Not to them.')]),
    ...(mayEdit ? [approve({ arguments: { to: 'Eve' } }, { edit: { to: 'Eve', euros: 1 } })] : []),
  ],
  'user-input': (mayEdit: boolean) => [
    approve(fifty, fifty),
    reject('Not now.'),
    ...(mayEdit ? [approve({ ...fifty, arguments: { to: 'Eve' } }, { ...fifty, edit: { to: 'Eve' } })] : []),
    approve({ values: { euros: 0 } }, { values: { euros: 0 } }),
  ],
  'external-execution': () => [
    approve(paid, { outcome: { result: { paid: true } } }),
    reject(),
    approve(
      { outcome: { failure: { message: 'The bank is closed.' } } },
      { outcome: { error: 'The bank is closed.' } },
    ),
    approve({ outcome: { success: {} } }, { outcome: { result: null } }),
  ],
}

const senseless = [
  {},
  null,
  { approve: {}, reject: {} },
  { reconcile: { runAgain: { confirm: true } } },
  { approve: { argument: {} } },
  { reject: { message: 5 } },
].map(wrong)

const misfits = {
  confirmation: (mayEdit: boolean) => [
    ...edits(mayEdit, eve, [{ to: 5 }, { ...eve, more: true }, { ...eve, euros: 101 }, 'to Eve']).map((edited) =>
      wrong({ approve: { arguments: edited } }),
    ),
    wrong({ approve: fifty }),
    wrong({ approve: paid }),
    ...senseless,
  ],
  'user-input': (mayEdit: boolean) => [
    ...edits(mayEdit, { to: 'Eve' }, [{ to: 5 }, eve]).map((edited) =>
      wrong({ approve: { ...fifty, arguments: edited } }),
    ),
    wrong({ approve: {} }),
    ...[{}, { euros: 101 }, { euros: '5' }, { euros: 5, to: 'Eve' }].map((values) => wrong({ approve: { values } })),
    wrong({ approve: { ...fifty, ...paid } }),
    ...senseless,
  ],
  'external-execution': () => [
    wrong({ approve: {} }),
    wrong({ approve: { outcome: {} } }),
    wrong({ approve: { outcome: { success: {}, failure: { message: '' } } } }),
    wrong({ approve: { ...paid, arguments: eve } }),
    wrong({ approve: { ...paid, ...fifty } }),
    ...senseless,
  ],
}

/** Who only answers changes nothing, however well it fits. */
const edits = (mayEdit: boolean, good: object, bad: readonly unknown[]) => (mayEdit ? bad : [good, good, ...bad])
