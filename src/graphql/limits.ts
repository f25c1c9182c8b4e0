import { type ComplexityErrorFn, ComplexityErrorKind } from '@pothos/plugin-complexity'
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  Lexer,
  OperationTypeNode,
  parse,
  type SelectionSetNode,
  Source,
  TokenKind,
  type ValidationRule,
  visit,
} from 'graphql'

// What one document may ask for. Honest ones are far below: the console's largest query has a depth of 11 and some 100 fields,
// the introspection of GraphiQL a depth of 15.

/** Words and signs of the document's text. */
export const maxTokens = 10_000
/** Brackets within brackets, of any kind; the parser calls itself for each. */
const maxNesting = 250
const maxDepth = 20
/** Fields as they are written, all operations and fragments together. */
const maxFields = 1_000
const maxAliases = 100
/** Fields that stand once more where they stand already; they change nothing. */
const maxRepeated = 100
/** Of one place: there are two, `@skip` and `@include`. */
const maxDirectives = 5
/** Fields with every fragment counted where it is used. */
const maxExpandedFields = 5_000
/** Operations of one mutation: they run one after the other, each may wait, and they go on when the client is gone. */
const maxRootFields = 20
/** Fields to resolve, with each list's size; asked before anything is resolved. */
export const costLimit = 250_000

/**
 * Parses a document that came from outside, within the limits. Use it instead of graphql's `parse`, over every transport: what is too much
 * is refused before validation, some of whose rules take quadratic time, and before the parser runs out of stack.
 *
 * @throws GraphQLError GRAPHQL_PARSE_FAILED for a syntax error, GRAPHQL_VALIDATION_FAILED for too much.
 */
export function parseDocument(text: string): DocumentNode {
  const document = parseText(text)
  for (const error of excesses(document)) throw error
  return document
}

/** The same limits on a parsed document, for those who bring their own parser. */
export const limitRules: readonly ValidationRule[] = [
  (context) => {
    for (const error of excesses(context.getDocument())) context.reportError(error)
    return {}
  },
]

function parseText(text: string): DocumentNode {
  try {
    checkTokens(text)
    return parse(text, { maxTokens })
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error
    const { message, source, positions, extensions } = error
    throw new GraphQLError(message, { source, positions, extensions: { code: 'GRAPHQL_PARSE_FAILED', ...extensions } })
  }
}

function checkTokens(text: string): void {
  const lexer = new Lexer(new Source(text))
  let nesting = 0
  for (let count = 1; lexer.advance().kind !== TokenKind.EOF; count++) {
    nesting += opens.has(lexer.token.kind) ? 1 : closes.has(lexer.token.kind) ? -1 : 0
    if (nesting > maxNesting)
      throw tooMuch(`The document has brackets more than ${maxNesting} levels deep. Ask for less at once.`)
    if (count > maxTokens)
      throw tooMuch(
        `The document has more than ${maxTokens} tokens. Ask for less at once, and send values as variables.`,
      )
  }
}
const opens = new Set<TokenKind>([TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L])
const closes = new Set<TokenKind>([TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R])

function* excesses(document: DocumentNode): Generator<GraphQLError> {
  const written = document.definitions.map((definition) =>
    'selectionSet' in definition ? countWritten(definition.selectionSet) : noneWritten,
  )
  const { fields, aliases, repeated } = together(written)
  if (fields > maxFields)
    yield tooMuch(`The document has ${fields} fields, and at most ${maxFields} are taken. Ask for less at once.`)
  if (aliases > maxAliases)
    yield tooMuch(`The document has ${aliases} aliases, and at most ${maxAliases} are taken. Ask for less at once.`)
  if (repeated > maxRepeated)
    yield tooMuch(
      `The document has ${repeated} fields that stand there already, and at most ${maxRepeated} are taken. Ask for each once.`,
    )
  const directives = mostDirectives(document)
  if (directives > maxDirectives)
    yield tooMuch(`The document has ${directives} directives at one place, and at most ${maxDirectives} are taken.`)
  const sizeOf = expand(document)
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue
    const size = sizeOf(definition.selectionSet)
    if (size.depth > maxDepth)
      yield tooMuch(
        `The operation is ${size.depth} levels deep, and at most ${maxDepth} are taken. Ask for less at once.`,
      )
    if (size.fields > maxExpandedFields) {
      yield tooMuch(`With its fragments the operation has more than ${maxExpandedFields} fields. Ask for less at once.`)
    }
    if (definition.operation === OperationTypeNode.MUTATION && size.roots > maxRootFields) {
      yield tooMuch(
        `The mutation has ${size.roots} fields, and at most ${maxRootFields} are taken. Send the others in requests of their own.`,
      )
    }
  }
}

/** `roots`: fields of the uppermost level. */
type Size = { readonly depth: number; readonly fields: number; readonly roots: number }

/** Each fragment is measured once, however often it is used; one that contains itself is left to validation. */
function expand(document: DocumentNode): (selections: SelectionSetNode) => Size {
  const fragments = new Map(document.definitions.filter(isFragment).map((fragment) => [fragment.name.value, fragment]))
  const known = new Map<string, Size>()
  const ofFragment = (name: string): Size => {
    const fragment = fragments.get(name)
    const measured = known.get(name) ?? nothing
    if (!fragment || known.has(name)) return measured
    known.set(name, nothing)
    const size = ofSelections(fragment.selectionSet)
    known.set(name, size)
    return size
  }
  const ofSelections = ({ selections }: SelectionSetNode): Size => {
    const sizes = selections.map((selection): Size => {
      if (selection.kind === Kind.FRAGMENT_SPREAD) return ofFragment(selection.name.value)
      const below = selection.selectionSet ? ofSelections(selection.selectionSet) : nothing
      if (selection.kind === Kind.INLINE_FRAGMENT) return below
      return { depth: below.depth + 1, fields: below.fields + 1, roots: 1 }
    })
    return {
      depth: Math.max(0, ...sizes.map(({ depth }) => depth)),
      fields: sum(sizes.map(({ fields }) => fields)),
      roots: sum(sizes.map(({ roots }) => roots)),
    }
  }
  return ofSelections
}
const nothing: Size = { depth: 0, fields: 0, roots: 0 }
const isFragment = (definition: { kind: Kind }): definition is FragmentDefinitionNode =>
  definition.kind === Kind.FRAGMENT_DEFINITION

type Written = { readonly fields: number; readonly aliases: number; readonly repeated: number }
const noneWritten: Written = { fields: 0, aliases: 0, repeated: 0 }

function countWritten({ selections }: SelectionSetNode): Written {
  const fields = selections.filter((selection) => selection.kind === Kind.FIELD)
  const names = new Set(fields.map(({ alias, name }) => (alias ?? name).value))
  const here: Written = {
    fields: selections.length,
    aliases: fields.filter(({ alias }) => alias).length,
    repeated: fields.length - names.size,
  }
  const below = selections.map((selection) =>
    'selectionSet' in selection && selection.selectionSet ? countWritten(selection.selectionSet) : noneWritten,
  )
  return together([here, ...below])
}

const together = (all: readonly Written[]): Written => ({
  fields: sum(all.map(({ fields }) => fields)),
  aliases: sum(all.map(({ aliases }) => aliases)),
  repeated: sum(all.map(({ repeated }) => repeated)),
})

function mostDirectives(document: DocumentNode): number {
  let most = 0
  visit(document, {
    enter(node) {
      if ('directives' in node) most = Math.max(most, node.directives?.length ?? 0)
    },
  })
  return most
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)

const tooMuch = (message: string) => new GraphQLError(message, { extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } })

/** Said by the complexity plugin, which weighs an operation with its arguments. */
export const costError: ComplexityErrorFn = (kind, { complexity, maxComplexity }) =>
  kind === ComplexityErrorKind.Complexity
    ? new GraphQLError(
        `The operation may ask for ${complexity} fields, and at most ${maxComplexity} are taken. Take smaller pages (\`first\`) of the lists within lists.`,
        { extensions: { code: 'BAD_USER_INPUT' } },
      )
    : new Error('No such limit is set')
