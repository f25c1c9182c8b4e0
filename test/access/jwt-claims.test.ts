import { expect, test } from 'vitest'
import { principalOfClaims } from '../../src/access/jwt-claims.ts'

const names = { nameClaim: 'name', tenantClaim: 'tenant', rolesClaim: 'roles' }
const claims = { sub: 'alice', name: 'Alice', tenant: 'acme', roles: ['REQUESTER', 'APPROVER'] }
const alice = { id: 'alice', name: 'Alice', tenant: 'acme', roles: ['REQUESTER', 'APPROVER'] }

test('claims are found by their names', () => {
  expect(principalOfClaims(claims, names)).toEqual(alice)
})

test('a path with dots goes into a claim, unless there is one of the whole name', () => {
  const nested = {
    ...names,
    rolesClaim: 'resource_access.countersign.roles',
    tenantClaim: 'https://acme.example/tenant',
  }
  const given = {
    ...claims,
    resource_access: { countersign: { roles: ['AUDITOR'] } },
    'https://acme.example/tenant': 'two',
  }
  expect(principalOfClaims(given, nested)).toEqual({ ...alice, tenant: 'two', roles: ['AUDITOR'] })
  for (const rolesClaim of ['constructor.name', '__proto__', 'roles.0', 'roles.length', 'sub.length'])
    expect(principalOfClaims(claims, { ...names, rolesClaim })).toEqual({ refused: 'NO_ROLE' })
})

test('roles are a list, or one text with blanks between; unknown ones are passed over, and each counts once', () => {
  for (const roles of ['APPROVER offline_access APPROVER', ['APPROVER', 'x', 7, null, 'APPROVER']])
    expect(principalOfClaims({ ...claims, roles }, names)).toEqual({ ...alice, roles: ['APPROVER'] })
  for (const roles of [[], '', 'admin', { ADMIN: true }, null, ['ADMIN APPROVER']])
    expect(principalOfClaims({ ...claims, roles }, names)).toEqual({ refused: 'NO_ROLE' })
})

test('with names of the provider’s own no others count', () => {
  const named = { ...names, roleNames: { reviewers: 'APPROVER', ops: 'ADMIN' } as const }
  expect(principalOfClaims({ ...claims, roles: ['reviewers', 'ADMIN', 'toString'] }, named)).toEqual({
    ...alice,
    roles: ['APPROVER'],
  })
})

test('a tenant that is missing is the default one, if there is one; a tenant that is none is not', () => {
  const { tenant: _, ...without } = claims
  const withDefault = { ...names, defaultTenant: 'main' }
  expect(principalOfClaims(without, withDefault)).toEqual({ ...alice, tenant: 'main' })
  for (const tenant of ['', 7, ['acme'], 'x'.repeat(201), '\ud800'])
    expect(principalOfClaims({ ...claims, tenant }, withDefault)).toEqual({ refused: 'NO_TENANT' })
})

test('a name that is none is left out, and an id that is none is refused', () => {
  for (const name of [undefined, 7, 'x'.repeat(201)])
    expect(principalOfClaims({ ...claims, name }, names)).toEqual({ ...alice, name: null })
  for (const sub of [undefined, '', 7, 'x'.repeat(247), 'key_0123456789abcdef', 'prn_key_0123456789abcdef'])
    expect(principalOfClaims({ ...claims, sub }, names)).toEqual({ refused: 'WRONG_CLAIMS' })
})

test('nobody becomes somebody else by a name with the prefix of our ids', () => {
  expect(principalOfClaims({ ...claims, sub: `prn_${alice.id}` }, names)).toEqual({ refused: 'WRONG_CLAIMS' })
})

test('an actor is one of the named services, for the same issuer; another refuses the token, and so does any when none is named', () => {
  const iss = 'https://idp.example/'
  const of = (act: unknown, actors?: string[]) => principalOfClaims({ ...claims, iss, act }, { ...names, actors })
  for (const act of [{ sub: 'desk' }, { sub: 'desk', iss }, { sub: 'desk', act: { sub: 'elsewhere' } }])
    expect(of(act, ['other', 'desk'])).toEqual({ ...alice, actor: 'desk' })
  for (const act of [null, 'desk', [], {}, { sub: 7 }, { sub: 'Desk' }, { sub: ['desk'] }, { sub: 'desk', iss: 'x' }])
    expect(of(act, ['desk'])).toEqual({ refused: 'WRONG_ACTOR' })
  for (const actors of [undefined, []]) expect(of({ sub: 'desk' }, actors)).toEqual({ refused: 'WRONG_ACTOR' })
})
