import type { Principal as PrincipalShape } from '../access/principal.ts'
import { visibleApprovals } from '../access/rules.ts'
import type { PrincipalId } from '../ids.ts'
import { builder } from './builder.ts'
import { isPublic } from './default-deny.ts'
import { Role } from './enums.ts'
import { loadersOf } from './loaders.ts'

/** Known by id only; the name is read when it is asked for. */
export const Principal = builder.node(builder.objectRef<{ readonly id: PrincipalId }>('Principal'), {
  extensions: isPublic,
  description: 'Somebody who starts runs or decides: a person or a program, as authentication names it.',
  id: { resolve: ({ id }) => id },
  async loadWithoutCache(id, { engine, principal }) {
    if (id === principal.id) return principal
    // Whoever sees all of the tenant's approvals sees who acts in it; others know of nobody but themselves.
    const visible = visibleApprovals(principal)
    if (!visible || visible.requestedBy !== undefined) return null
    const [known] = await engine.store.principals.getMany(principal.tenant, [id as PrincipalId])
    return known ?? null
  },
  fields: (t) => ({
    name: t.string({
      nullable: true,
      description: 'As it was when they last started or decided something here; null when authentication gives none.',
      resolve: ({ id }, _args, context, info) => loadersOf(context, info).principalName(id),
    }),
  }),
})

/** Whoever has this id; null for nobody. */
export const principalOf = (id: PrincipalId | null | undefined) => (id == null ? null : { id })

/** Through whom somebody did something, beside the field that says who. */
export const via = {
  type: Principal,
  nullable: true,
  description:
    'The service that did it for them, as authentication found it; null when they did it themselves, or nobody did.',
  resolve: ({ actor }: { readonly actor?: PrincipalId | undefined }) => principalOf(actor),
} as const

const Viewer = builder.objectRef<PrincipalShape>('Viewer').implement({
  extensions: isPublic,
  description: 'Who asks, as authentication found it.',
  fields: (t) => ({
    principal: t.field({ type: Principal, description: 'Who it is.', resolve: (viewer) => viewer }),
    actor: t.field({
      type: Principal,
      nullable: true,
      description: 'The service that asks for them; null when they ask themselves.',
      resolve: ({ actor }) => principalOf(actor),
    }),
    tenant: t.exposeString('tenant', { description: 'The tenant that everything they see and do stays inside.' }),
    roles: t.field({ type: [Role], description: 'What they may do.', resolve: ({ roles }) => roles }),
  }),
})

builder.queryField('viewer', (t) =>
  t.field({
    authScopes: { signedIn: true },
    type: Viewer,
    description: 'Who asks.',
    resolve: (_root, _args, { principal }) => principal,
  }),
)
