import {
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  isIntrospectionType,
  isObjectType,
} from 'graphql'

// What nobody has said who may read is read by nobody. A type has a rule (`authScopes`, which ask access/rules.ts) or the mark that it is
// public; a field of Query, Mutation or Subscription has a rule of its own.

/**
 * The mark of a type without a rule, for its `extensions`: whoever comes to it may see it. It is everybody's, or part of something that
 * has a rule and was asked about before.
 */
export const isPublic = { public: true } as const

type Field = GraphQLField<unknown, unknown>
type Unmarked = { readonly type: GraphQLObjectType; readonly field: Field }

/** The fields with neither a rule nor the mark. */
export function unmarked(schema: GraphQLSchema): Unmarked[] {
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]
  return Object.values(schema.getTypeMap()).flatMap((type) => {
    if (!isObjectType(type) || isIntrospectionType(type)) return []
    const fields = Object.values(type.getFields()).map((field) => ({ type, field }))
    if (roots.includes(type)) return fields.filter(({ field }) => !hasRule(field))
    return hasRule(type) || type.extensions.public === true ? [] : fields
  })
}

/** The same schema, in which a field that is not marked fails. */
export function denyUnmarked(schema: GraphQLSchema): GraphQLSchema {
  for (const { type, field } of unmarked(schema)) {
    const deny = () => {
      throw new Error(`${type.name}.${field.name} has no rule: nobody may read it`)
    }
    field.resolve = deny
    field.subscribe &&= deny
  }
  return schema
}

/** Pothos keeps what a type or field was made with. */
function hasRule({ extensions }: Pick<Field | GraphQLObjectType, 'extensions'>): boolean {
  const made = extensions.pothosOptions
  return typeof made === 'object' && made !== null && 'authScopes' in made && made.authScopes !== undefined
}
