import { parsePrincipal } from '../../../src/access/principal.ts'

/** Who has to do with the random sequences. Rob may decide, but not what he asked for himself; Eve is Anna's namesake of another tenant. */
export const people = {
  rita: parsePrincipal({ id: 'rita', roles: ['REQUESTER'] }),
  rob: parsePrincipal({ id: 'rob', roles: ['REQUESTER', 'APPROVER'] }),
  anna: parsePrincipal({ id: 'anna', roles: ['APPROVER'] }),
  ada: parsePrincipal({ id: 'ada', roles: ['ADMIN'] }),
  otto: parsePrincipal({ id: 'otto', roles: ['AUDITOR'] }),
  eve: parsePrincipal({ id: 'anna', tenant: 'two', roles: ['REQUESTER', 'APPROVER', 'ADMIN'] }),
}
export type Person = keyof typeof people

export const nameOf = (principal: (typeof people)[Person]): string =>
  Object.entries(people).find(([, person]) => person === principal)?.[0] ?? principal.id
