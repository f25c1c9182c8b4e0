import type { Authenticate } from '../../src/access/authenticate.ts'
import type { PrincipalInput, Role } from '../../src/access/principal.ts'

/**
 * A token says who it is: `requester-1`, `approver-1`, `auditor-1`, `admin-1`; `requester-2` is somebody else. Several roles:
 * `requester+approver-1`. Another tenant: `approver-1@two`, whose principal has the same id as `approver-1` has in the tenant `default`.
 * Null for anything else.
 */
export function principalOf(token: string): PrincipalInput | null {
  const match =
    /^((?:requester|approver|auditor|admin)(?:\+(?:requester|approver|auditor|admin))*)-(\w+)(?:@(\w+))?$/.exec(token)
  if (match === null) return null
  const [, roles = '', name = '', tenant = 'default'] = match
  return {
    id: `${roles}-${name}`,
    name: `${roles} ${name}`,
    tenant,
    roles: roles.split('+').map((role) => role.toUpperCase() as Role),
  }
}

export const testPrincipals: Authenticate = (token) => (token === null ? null : principalOf(token))
