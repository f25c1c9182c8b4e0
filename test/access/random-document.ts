import {
  type GraphQLArgument,
  type GraphQLInputType,
  type GraphQLNamedOutputType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isLeafType,
  isListType,
  isNonNullType,
  isRequiredArgument,
  isRequiredInputField,
  type OperationTypeNode,
} from 'graphql'

/** What arguments are taken from. */
export type Pool = {
  readonly ids: readonly string[]
  readonly texts: readonly string[]
  readonly numbers: readonly number[]
}

export type RandomDocument = {
  readonly kind: 'query' | 'mutation' | 'subscription'
  readonly text: string
  /** What a subscription asks with: `{ runId: '"run_…"' }`. */
  readonly given: Readonly<Record<string, string>>
}

const maxDepth = 7
const maxFields = 80
/** Each field has one, and no document with more is taken. */
const maxAliases = 100

/**
 * A document that the schema allows; each object in its answer has its `__typename`, and its fields are called `message_7`. Which one, the numbers decide, one choice each; where they are at an
 * end, it is the first choice.
 */
export function documentOf(schema: GraphQLSchema, pool: Pool, numbers: readonly number[]): RandomDocument {
  let used = 0
  let fields = 0
  const number = (below: number) => (numbers[used++] ?? 0) % below
  function choose<One>(from: readonly One[]): One {
    const one = from[number(from.length)]
    if (one === undefined) throw new Error('There is nothing to choose from.')
    return one
  }
  const some = <One>(from: readonly One[], most: number): One[] =>
    Array.from({ length: from.length === 0 ? 0 : 1 + number(most) }, () => choose(from))

  function selection(type: GraphQLNamedOutputType, depth: number): string {
    if (isLeafType(type)) return ''
    const within = isAbstractType(type)
      ? some(schema.getPossibleTypes(type), depth === 1 ? 12 : 3).map(
          (one) => `... on ${one.name} ${selection(one, depth)}`,
        )
      : []
    const own = isInterfaceType(type) || !isAbstractType(type) ? fieldsOf(type as GraphQLObjectType, depth) : []
    return `{ ${['__typename', ...own, ...within].join(' ')} }`
  }

  function fieldsOf(type: GraphQLObjectType, depth: number): string[] {
    const isEnough = depth >= maxDepth || fields > maxFields
    const all = Object.values(type.getFields())
    const leaves = all.filter((field) => isLeafType(getNamedType(field.type)))
    // More of those that lead on than there are among all.
    const asked = isEnough
      ? some(leaves, 3)
      : [
          ...some(all, depth === 0 ? 1 : 5),
          ...some(
            all.filter((field) => !leaves.includes(field)),
            2,
          ),
        ]
    return asked.flatMap(({ name, args, type: of }) => {
      if (fields >= maxAliases) return []
      fields += 1
      // By an alias of its own, since it may be asked for twice with other arguments.
      return [`${name}_${fields}: ${name}${written(argumentsOf(name, args))} ${selection(getNamedType(of), depth + 1)}`]
    })
  }

  const argumentsOf = (field: string, args: readonly GraphQLArgument[]): Record<string, string> =>
    Object.fromEntries(
      args
        .filter((arg) => isRequiredArgument(arg) || number(6) === 1)
        .map(({ name, type }) => [name, value(type, `${field} ${name}`)]),
    )

  /** @param what Names what the value is for. */
  function value(type: GraphQLInputType, what: string): string {
    if (isNonNullType(type)) return value(type.ofType, what)
    if (isListType(type)) return `[${Array.from({ length: 1 + number(2) }, () => value(type.ofType, what)).join(', ')}]`
    if (isEnumType(type)) return choose(type.getValues()).name
    if (isInputObjectType(type)) {
      const all = Object.values(type.getFields())
      const given = type.isOneOf ? [choose(all)] : all.filter((field) => isRequiredInputField(field) || number(4) === 1)
      return `{ ${given.map((field) => `${field.name}: ${value(field.type, field.name)}`).join(', ')} }`
    }
    return scalar(type.name, what)
  }

  function scalar(name: string, what: string): string {
    switch (name) {
      case 'ID':
        return JSON.stringify(choose(idsFor(what)))
      case 'Int':
        return String(choose(pool.numbers))
      case 'Boolean':
        return choose(['true', 'false'])
      case 'DateTime':
        return choose(['"2026-01-01T00:00:00Z"', '"2100-01-01T00:00:00Z"'])
      case 'JSON':
      case 'JSONObject':
        return choose(['{}', '{ id: "a" }'])
      default:
        return JSON.stringify(choose(pool.texts))
    }
  }

  /** Mostly those that may fit. */
  function idsFor(what: string): readonly string[] {
    const prefix = prefixes.find(({ of }) => of.test(what))?.prefix ?? ''
    return number(10) === 1 ? pool.ids : pool.ids.filter((id) => id.startsWith(prefix))
  }

  const kind = choose(['query', 'subscription', 'query', 'subscription', 'mutation'] as const)
  const root = schema.getRootType(kind as OperationTypeNode)
  if (!root) throw new Error(`There is no ${kind}.`)
  if (kind !== 'subscription') return { kind, text: `${kind} { ${fieldsOf(root, 0).join(' ')} }`, given: {} }
  const { name, args, type } = choose(Object.values(root.getFields()))
  const given = argumentsOf(name, args)
  const text = `subscription { ${name}_0: ${name}${written(given)} ${selection(getNamedType(type), 1)} }`
  return { kind, text, given }
}

const prefixes = [
  { of: /approval/i, prefix: 'apr_' },
  { of: /run/i, prefix: 'run_' },
  { of: /call/i, prefix: 'call_' },
  { of: /By$/, prefix: 'prn_' },
]

const written = (args: Readonly<Record<string, string>>): string => {
  const all = Object.entries(args).map(([name, value]) => `${name}: ${value}`)
  return all.length === 0 ? '' : `(${all.join(', ')})`
}
