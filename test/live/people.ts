import { parsePrincipal, type Role } from '../../src/access/principal.ts'

export const principal = (id: string, ...roles: Role[]) => parsePrincipal({ id, roles })
export const approver = principal('anna', 'APPROVER')
export const requester = principal('rita', 'REQUESTER')
