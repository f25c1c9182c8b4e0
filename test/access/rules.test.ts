import { describe, expect, test } from 'vitest'
import { parsePrincipal, type Role, roles } from '../../src/access/principal.ts'
import {
  maySeeApproval,
  maySeeRun,
  mayStartRuns,
  maySteerRun,
  reasonsNotToResolve,
  visibleApprovals,
  visibleRuns,
} from '../../src/access/rules.ts'
import { principalId } from '../../src/ids.ts'
import { approvalFor, proposedCall, runRecord } from '../runs/journal-of.ts'

const person = (id: string, given: readonly Role[], tenant = 'default') => parsePrincipal({ id, roles: given, tenant })
const own = { requestedBy: principalId('me') }
const others = { requestedBy: principalId('somebody') }
const approval = (changes: object = {}) => ({ ...approvalFor(proposedCall('required')), ...others, ...changes })

/** Rows: one role. Columns: what it may. */
const table = {
  REQUESTER: { start: true, steer: [true, false], run: [true, false, false], approval: [true, false], resolve: false },
  APPROVER: { start: false, steer: [false, false], run: [false, false, true], approval: [true, true], resolve: true },
  AUDITOR: { start: false, steer: [false, false], run: [true, true, true], approval: [true, true], resolve: false },
  ADMIN: { start: true, steer: [true, true], run: [true, true, true], approval: [true, true], resolve: true },
} as const satisfies Record<Role, object>

describe.each(roles)('%s', (role) => {
  const may = table[role]
  const me = person('me', [role])

  test(may.start ? 'starts runs' : 'starts no runs', () => expect(mayStartRuns(me)).toBe(may.start))

  test('continues and cancels as the table says: own runs, those of others', () => {
    expect([own, others].map((of) => maySteerRun(me, runRecord(of)))).toEqual(may.steer)
  })

  test('sees runs as the table says: own ones, those of others, and theirs that have approvals', () => {
    expect([own, others, { ...others, gated: true }].map((of) => maySeeRun(me, runRecord(of)))).toEqual(may.run)
  })

  test('sees approvals as the table says: of own runs, and of those of others', () => {
    expect([own, others].map((of) => maySeeApproval(me, approval(of)))).toEqual(may.approval)
  })

  test(may.resolve ? 'resolves approvals' : 'resolves no approvals', () => {
    const reasons = reasonsNotToResolve(me, approval(), { allowSelfApproval: false, now: 0 })
    expect(reasons).toEqual(may.resolve ? [] : ['NOT_AN_APPROVER'])
  })

  test('sees nothing of another tenant, not even what has its own id', () => {
    const away = person('me', [role], 'other')
    expect(maySeeRun(away, runRecord({ ...own, gated: true }))).toBe(false)
    expect(maySeeApproval(away, approval(own))).toBe(false)
    expect(visibleRuns(away)?.tenant ?? 'other').toBe('other')
    expect(visibleApprovals(away)).toMatchObject({ tenant: 'other' })
  })
})

describe('who has no role', () => {
  const nobody = person('me', [])
  test('may nothing and sees nothing, not even their own', () => {
    expect(mayStartRuns(nobody)).toBe(false)
    expect(maySteerRun(nobody, runRecord(own))).toBe(false)
    expect(maySeeRun(nobody, runRecord({ ...own, gated: true }))).toBe(false)
    expect(maySeeApproval(nobody, approval(own))).toBe(false)
    expect([visibleRuns(nobody), visibleApprovals(nobody)]).toEqual([null, null])
  })
})

describe('lists show what may be seen one by one', () => {
  const runs = [own, others].flatMap((of) => [false, true].map((gated) => runRecord({ ...of, gated })))
  const approvals = [own, others].map(approval)
  const combinations = Array.from({ length: 16 }, (_, bits) => roles.filter((_, at) => bits & (1 << at)))
  test.each(combinations.map((given) => [given.join(' and ') || 'no role', given] as const))('%s', (_, given) => {
    const me = person('me', given)
    const listed = visibleRuns(me)
    const inList = ({ requestedBy, gated }: (typeof runs)[number]) => {
      if (!listed) return false
      const isOwn = listed.requestedBy === requestedBy
      if (listed.gated) return gated || isOwn
      return listed.requestedBy === undefined || isOwn
    }
    expect(runs.map(inList)).toEqual(runs.map((run) => maySeeRun(me, run)))
    const shown = visibleApprovals(me)
    const inShown = ({ requestedBy }: (typeof approvals)[number]) =>
      shown !== null && (shown.requestedBy === undefined || shown.requestedBy === requestedBy)
    expect(approvals.map(inShown)).toEqual(approvals.map((one) => maySeeApproval(me, one)))
  })
})

describe('an approval cannot be resolved', () => {
  const anna = person('anna', ['APPROVER'])
  const at = (now: number, allowSelfApproval = false) => ({ now, allowSelfApproval })

  test.each(['APPROVED', 'REJECTED', 'EXPIRED', 'CANCELLED'])('when it is %s', (status) => {
    expect(reasonsNotToResolve(anna, approval({ status }), at(0))).toEqual(['NOT_PENDING'])
  })
  test('from its deadline on', () => {
    const dated = approval({ expiresAt: 1_000 })
    expect(reasonsNotToResolve(anna, dated, at(999))).toEqual([])
    expect(reasonsNotToResolve(anna, dated, at(1_000))).toEqual(['NOT_PENDING'])
  })
  test('by who requested the run, unless self approval is allowed; an ADMIN neither', () => {
    for (const role of ['APPROVER', 'ADMIN'] as const) {
      const me = person('me', ['REQUESTER', role])
      expect(reasonsNotToResolve(me, approval(own), at(0))).toEqual(['OWN_REQUEST'])
      expect(reasonsNotToResolve(me, approval(own), at(0, true))).toEqual([])
    }
  })
  test('and all reasons are told', () => {
    const me = person('me', ['REQUESTER'])
    const reasons = reasonsNotToResolve(me, approval({ ...own, status: 'APPROVED' }), at(0))
    expect(reasons).toEqual(['NOT_PENDING', 'NOT_AN_APPROVER', 'OWN_REQUEST'])
  })
})

describe('a principal', () => {
  test('is in the tenant default and has no name unless it says so', () => {
    expect(parsePrincipal({ id: 'a', roles: [] })).toEqual({ id: 'prn_a', name: null, tenant: 'default', roles: [] })
  })
  test.each<[string, object]>([
    ['no id', { id: '', roles: [] }],
    ['a role that is none', { id: 'a', roles: ['BOSS'] }],
    ['roles that are no list', { id: 'a', roles: 'ADMIN' }],
    ['an empty tenant', { id: 'a', roles: [], tenant: '' }],
    ['nothing', {}],
  ])('with %s is refused', (_, input) => {
    expect(() => parsePrincipal(input as Parameters<typeof parsePrincipal>[0])).toThrow(
      expect.objectContaining({ code: 'INVALID_PRINCIPAL' }),
    )
  })
})
