import { fingerprint } from '../../../src/approvals/fingerprint.ts'
import { toJsonText } from '../../../src/json.ts'
import type { ApprovalRecord } from '../../../src/store/records.ts'
import type { Tampering } from './sequence-actions.ts'
import type { Call } from './sequence-journal.ts'
import { approvalIdOf } from './sequence-model.ts'
import type { Stage } from './sequence-stage.ts'
import { factsOf } from './sequence-tools.ts'
import type { Tampering as Change } from './stores.ts'

/** Somebody changes an approval in the database. Whatever is said afterwards, that call is not to run. */
export async function changeRecord(stage: Stage, call: Call, how: Tampering, change: Change): Promise<void> {
  stage.tell(`Somebody changes the approval of ${call.name} in the database: ${how}`)
  stage.seen.add(`tampered: ${how}`)
  if (how === 'deleted') await stage.ground.deleteApproval(approvalIdOf(call.id))
  else await stage.ground.editApproval(approvalIdOf(call.id), change)
  call.tamperedAt = stage.moment()
}

/** Null where that would change nothing, or nothing that anybody could notice. */
export function tampered(
  how: Tampering,
  { digest, heard, tool }: Call,
  { resolution, status, toolName }: ApprovalRecord,
): Change | null {
  const forged = toJsonText({ to: 'Mallory', euros: 99 })
  const isApproved = resolution?.status === 'APPROVED'
  const { pause } = factsOf(tool)
  switch (how) {
    case 'arguments':
      return { arguments: forged }
    case 'arguments and fingerprint':
      return { arguments: forged, fingerprint: fingerprint(toolName, digest ?? '', forged) }
    case 'status':
      return { status: status === 'APPROVED' ? 'REJECTED' : 'APPROVED' }
    case 'deleted':
      return {}
    case 'call':
      return { callId: `call_${'0'.repeat(32)}_3_0` }
    case 'edit':
      return isApproved && pause !== 'external-execution' ? { resolution: { ...resolution, arguments: forged } } : null
    case 'values':
      return isApproved && pause === 'user-input'
        ? { resolution: { ...resolution, values: toJsonText({ euros: 99 }) } }
        : null
    case 'outcome':
      return isApproved && pause === 'external-execution' && heard !== null
        ? { resolution: { ...resolution, outcome: { result: toJsonText('forged') } } }
        : null
  }
}
