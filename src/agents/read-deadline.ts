import { CountersignError } from '../errors.ts'
import type { ExpiryAction } from '../store/records.ts'
import type { Deadline } from './agent.ts'
import { milliseconds } from './duration.ts'
import type { ApprovalSetting, ApprovalSettings } from './tool.ts'

const actions = { expire: 'EXPIRE', 'cancel-run': 'CANCEL_RUN' } as const satisfies Record<string, ExpiryAction>
const names = ['expiresIn', 'onExpiry', 'remindAt'] as const
const mostReminders = 10

/**
 * By when an approval must be decided.
 *
 * @param settings All but its type.
 * @throws CountersignError INVALID_DEFINITION that says which settings exclude each other and what to write instead.
 */
export function readDeadline(settings: Omit<ApprovalSettings, 'type'>, type: ApprovalSetting | null): Deadline | null {
  const unknown = Object.keys(settings).find((key) => !names.some((name) => name === key))
  if (unknown !== undefined)
    throw invalid(
      `approval has no setting '${unknown}': 'type', 'expiresIn', 'onExpiry' and 'remindAt' are the settings`,
    )
  const [given] = names.filter((name) => settings[name] !== undefined)
  if (given === undefined) return null
  if (type === 'audit')
    throw invalid(`approval: 'audit' and ${given} exclude each other: what the requester answers has no deadline`)
  const { expiresIn, onExpiry = 'expire', remindAt = [] } = settings
  if (expiresIn === undefined) throw invalid(`${given} needs a deadline: add expiresIn, such as '24h'`)
  if (!Object.hasOwn(actions, onExpiry))
    throw invalid(`onExpiry: '${String(onExpiry)}' is unknown: 'expire' and 'cancel-run' are the ways`)
  const expiresInMs = milliseconds(expiresIn)
  return { expiresInMs, onExpiry: actions[onExpiry], remindBeforeMs: readReminders(remindAt, expiresInMs) }
}

function readReminders(given: readonly unknown[], expiresInMs: number): number[] {
  if (!Array.isArray(given) || given.length > mostReminders)
    throw invalid(`remindAt is a list of at most ${mostReminders} durations before the deadline`)
  const early = given.find((duration) => milliseconds(duration) >= expiresInMs)
  if (early !== undefined)
    throw invalid(
      `remindAt: each must be shorter than expiresIn, and '${early}' is not: it says how long before the deadline`,
    )
  return [...new Set(given.map(milliseconds))].sort((a, b) => b - a)
}

const invalid = (message: string) => new CountersignError('INVALID_DEFINITION', message)
