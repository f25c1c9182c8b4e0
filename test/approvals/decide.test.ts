import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkDecision, checkNote } from '../../src/approvals/decide.ts'
import { fingerprint } from '../../src/approvals/fingerprint.ts'
import type { DecisionInput } from '../../src/inputs.ts'
import { toJson, toJsonText } from '../../src/json.ts'

const confirm = { kind: 'CONFIRMATION', mayEdit: true } as const

describe('a decision', () => {
  test.each<[string, DecisionInput, object]>([
    ['approve', { approve: {} }, { verdict: 'APPROVED', message: null, arguments: undefined }],
    ['approve with nulls', { approve: { arguments: null, values: null, outcome: null } }, { verdict: 'APPROVED' }],
    ['approve, others null', { approve: {}, reject: null, reconcile: null }, { verdict: 'APPROVED' }],
    ['approve edited', { approve: { arguments: { id: 1 } } }, { verdict: 'APPROVED', arguments: { id: 1 } }],
    ['reject', { reject: {} }, { verdict: 'REJECTED', message: null, arguments: undefined }],
    ['reject with a message', { reject: { message: 'No.\ud800' } }, { verdict: 'REJECTED', message: 'No.\ufffd' }],
    ['a long message', { reject: { message: 'x'.repeat(10_000) } }, { verdict: 'REJECTED' }],
  ])('%s is one', (_, given, expected) => {
    expect(checkDecision(given, confirm)).toMatchObject({ ok: true, decision: expected })
  })

  test.each<[string, DecisionInput, string]>([
    ['nothing', {}, ''],
    ['nulls only', { approve: null, reject: null, reconcile: null }, ''],
    ['approve and reject', { approve: {}, reject: {} }, ''],
    ['reject and reconcile', { reject: {}, reconcile: { runAgain: { confirm: true } } }, ''],
    ['reconcile', { reconcile: { runAgain: { confirm: true } } }, 'reconcile'],
    ['values', { approve: { values: { a: 1 } } }, 'approve.values'],
    ['an outcome', { approve: { outcome: { success: {} } } }, 'approve.outcome'],
    ['too long a message', { reject: { message: 'x'.repeat(10_001) } }, 'reject.message'],
  ])('%s is none', (_, given, path) => {
    const checked = checkDecision(given, confirm)
    expect(checked.ok).toBe(false)
    expect(!checked.ok && checked.issues.map((issue) => issue.path.join('.'))).toEqual([path])
  })

  test.each<[string, unknown, string]>([
    ['approve: false', { approve: false }, 'approve'],
    ['approve: true', { approve: true }, 'approve'],
    ["approve: ''", { approve: '' }, 'approve'],
    ['approve: []', { approve: [] }, 'approve'],
    ["reject: ''", { reject: '' }, 'reject'],
    ['reject: false', { reject: false }, 'reject'],
    ['reject: text', { reject: 'No.' }, 'reject'],
    ["reconcile: ''", { reconcile: '' }, 'reconcile'],
    ['a list', [], ''],
    ['null', null, ''],
    ['undefined', undefined, ''],
    ['text', 'approve', ''],
    ['true', true, ''],
    ['an unknown choice', { aprove: {} }, ''],
    ['a choice that every object has', { toString: {} }, ''],
    ['an unknown choice beside a known one', { approve: {}, rejekt: {} }, ''],
    ['an unknown field of approve', { approve: { argument: { id: 1 } } }, 'approve.argument'],
    ['an unknown field of reject', { reject: { note: 'No.' } }, 'reject.note'],
    ['a message that is no text', { reject: { message: 7 } }, 'reject.message'],
  ])('that is not understood approves nothing: %s', (_, given, path) => {
    const checked = checkDecision(given as DecisionInput, confirm)
    expect(checked.ok).toBe(false)
    expect(!checked.ok && checked.issues.map((issue) => issue.path.join('.'))).toEqual([path])
  })

  test('that edits is none where arguments are not to be edited, also when it edits nothing', () => {
    for (const edit of [{ id: 1 }, {}, [], '', 0, false])
      expect(checkDecision({ approve: { arguments: edit } }, { ...confirm, mayEdit: false })).toMatchObject({
        ok: false,
        issues: [{ path: ['approve', 'arguments'] }],
      })
  })

  test('tells all that is wrong with it at once', () => {
    const given = { approve: { arguments: {}, values: {}, outcome: {} } }
    const checked = checkDecision(given, { ...confirm, mayEdit: false })
    expect(!checked.ok && checked.issues).toHaveLength(3)
  })

  const inDoubt = { kind: 'RECONCILIATION', mayEdit: true } as const

  test('of kind RECONCILIATION is neither approved nor rejected', () => {
    for (const given of [{ approve: {} }, { reject: {} }, { approve: { outcome: { success: {} } } }])
      expect(checkDecision(given, inDoubt)).toMatchObject({ ok: false })
  })

  test.each<[string, NonNullable<DecisionInput['reconcile']>, object]>([
    ['it gave this', { happened: { success: { result: 7 } } }, { outcome: { result: 7 } }],
    ['it gave nothing', { happened: { success: {} } }, { outcome: { result: null } }],
    ['it failed', { happened: { failure: { message: 'No.' } }, runAgain: null }, { outcome: { error: 'No.' } }],
    ['it is to be made again', { runAgain: { confirm: true }, happened: null }, { outcome: null }],
  ])('says of a call in doubt: %s', (_, reconcile, said) =>
    expect(checkDecision({ reconcile }, inDoubt)).toEqual({
      ok: true,
      decision: { verdict: 'APPROVED', message: null, arguments: undefined, values: undefined, outcome: null, ...said },
    }),
  )

  test.each<[string, unknown, string]>([
    ['nothing', {}, ''],
    ['both', { happened: { success: {} }, runAgain: { confirm: true } }, ''],
    ['an unknown field', { happend: { success: {} } }, 'happend'],
    ['that it happened, without more', { happened: {} }, 'happened'],
    ['two ends', { happened: { success: {}, failure: { message: '' } } }, 'happened'],
    ['a failure without a word', { happened: { failure: { message: ' ' } } }, 'happened.failure.message'],
    ['a failure without a message', { happened: { failure: {} } }, 'happened.failure.message'],
    ['true', { happened: true }, 'happened'],
    ['runAgain without a word', { runAgain: {} }, 'runAgain.confirm'],
    ['runAgain: true', { runAgain: true }, 'runAgain.confirm'],
    ['confirm: false', { runAgain: { confirm: false } }, 'runAgain.confirm'],
    ["confirm: 'true'", { runAgain: { confirm: 'true' } }, 'runAgain.confirm'],
    ['confirm: 1', { runAgain: { confirm: 1 } }, 'runAgain.confirm'],
    ['with other arguments', { runAgain: { confirm: true, arguments: {} } }, 'runAgain.confirm'],
  ])('that is not understood says nothing of a call in doubt: %s', (_, reconcile, path) => {
    const checked = checkDecision({ reconcile } as DecisionInput, inDoubt)
    expect(!checked.ok && checked.issues.map((issue) => issue.path.join('.'))).toEqual([
      ['reconcile', path].filter(Boolean).join('.'),
    ])
  })
})

test('a note has at most 10,000 characters', () => {
  expect([undefined, null, '', 'x'.repeat(10_000)].map(checkNote)).toEqual([[], [], [], []])
  expect(checkNote('x'.repeat(10_001))).toMatchObject([{ path: ['note'] }])
})

describe('a fingerprint', () => {
  test('is SHA-256 of RFC 8785 of tool, inputSchema and arguments', () => {
    const name = fc.string({ unit: 'binary', minLength: 1 }).filter((text) => text.isWellFormed())
    fc.assert(
      fc.property(name, fc.string({ unit: 'grapheme' }), fc.dictionary(name, fc.jsonValue()), (tool, schema, given) => {
        const args = JSON.parse(JSON.stringify(given))
        try {
          toJson(args)
        } catch {
          return
        }
        const text = canonicalize({ tool, inputSchema: schema, arguments: toJson(args) }) ?? ''
        const expected = createHash('sha256').update(text, 'utf8').digest('hex')
        expect(fingerprint(tool, schema, toJsonText(args))).toBe(expected)
      }),
      { numRuns: 500 },
    )
  })

  test('does not run its parts together', () => {
    const args = toJsonText({})
    expect(fingerprint('a","tool":"b', 'c', args)).not.toBe(fingerprint('a', 'c', args))
    expect(fingerprint('a', 'b","tool":"a', args)).not.toBe(fingerprint('a', 'b', args))
  })
})
