import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  specifiedRules,
  type ValidationRule,
  validate,
} from 'graphql'

/** What is wrong with a document, remembered for as long as the document is. */
export type Validate = (schema: GraphQLSchema, document: DocumentNode) => readonly GraphQLError[]

/** @param introspection Whether the schema may be asked for; where not, nothing of it is suggested either. */
export function validating(introspection: boolean): Validate {
  const rules = introspection ? specifiedRules : [...specifiedRules, noIntrospection]
  const known = new WeakMap<DocumentNode, readonly GraphQLError[]>()
  return (schema, document) => {
    const errors = known.get(document) ?? validate(schema, document, rules, { hideSuggestions: !introspection })
    known.set(document, errors)
    return errors
  }
}

/** Once for what was asked; graphql's own rule says it of every field below too. */
const noIntrospection: ValidationRule = (context) => ({
  Field(node) {
    if (node.name.value !== '__schema' && node.name.value !== '__type') return
    const message =
      'This server does not show its schema here: read `schema.graphql`, or set `introspection` (INTROSPECTION).'
    context.reportError(new GraphQLError(message, { nodes: node }))
    return false
  },
})
