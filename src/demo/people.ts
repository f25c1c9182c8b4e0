import type { Authenticate } from '../access/authenticate.ts'
import type { PrincipalInput } from '../access/principal.ts'

/** The people of the story by their tokens. */
const people = new Map<string, PrincipalInput>([
  ['riley', { id: 'riley', name: 'Riley', roles: ['REQUESTER'] }],
  ['ada', { id: 'ada', name: 'Ada', roles: ['APPROVER'] }],
  ['ben', { id: 'ben', name: 'Ben', roles: ['APPROVER'] }],
])

export const authenticatePeople: Authenticate = (token) => people.get(token ?? '') ?? null
