import { readFileSync } from 'node:fs'
import {
  buildSchema,
  findBreakingChanges,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLNamedType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
  isUnionType,
} from 'graphql'
import { describe, expect, test } from 'vitest'
import { printedSchema } from '../../src/graphql/print.ts'
import { schema } from '../../src/graphql/schema.ts'

// A copy of the contract that the project was given; our own schema may have more than it.
const contract = buildSchema(readFileSync(new URL('contract.graphql', import.meta.url), 'utf8'))

/** Everything a schema says, one line each: what it is called and what it is. Descriptions are left out. */
const factsOf = (one: GraphQLSchema): string[] =>
  Object.values(one.getTypeMap())
    .filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type))
    .flatMap((type) => [`${type.name}: ${kindOf(type)}`, ...membersOf(type)])

const kindOf = (type: GraphQLNamedType) =>
  `${type.constructor.name}${isInputObjectType(type) && type.isOneOf ? ' @oneOf' : ''}`

function membersOf(type: GraphQLNamedType): string[] {
  const { name } = type
  if (isEnumType(type)) return type.getValues().map((value) => `${name}.${value.name}`)
  if (isUnionType(type)) return [`${name} = ${namesOf(type.getTypes())}`]
  if (isInputObjectType(type)) return Object.values(type.getFields()).map((field) => `${name}.${inputFact(field)}`)
  if (!isObjectType(type) && !isInterfaceType(type)) return []
  return [
    `${name} implements ${namesOf(type.getInterfaces())}`,
    ...Object.values(type.getFields()).flatMap((field) => fieldFacts(name, field)),
  ]
}

const fieldFacts = (owner: string, field: GraphQLField<unknown, unknown>) => [
  `${owner}.${field.name}: ${field.type}`,
  ...field.args.map((arg) => `${owner}.${field.name}(${inputFact(arg)})`),
]

/** The default as it is within the program: the two are built in different ways, and an enum's stands for itself. */
const inputFact = ({ name, type, defaultValue }: Pick<GraphQLInputField, 'name' | 'type' | 'defaultValue'>) =>
  `${name}: ${type} = ${JSON.stringify(defaultValue)}`

const namesOf = (types: readonly { readonly name: string }[]) =>
  types
    .map(({ name }) => name)
    .toSorted()
    .join(' & ')

describe('the schema', () => {
  test('has everything of the contract: types, fields, arguments, defaults, interfaces, members, oneOf', () => {
    const ours = new Set(factsOf(schema))
    expect(factsOf(contract).filter((fact) => !ours.has(fact))).toEqual([])
    expect(factsOf(contract).length).toBeGreaterThan(400)
  })

  test('breaks nobody who was written for the contract', () => {
    expect(findBreakingChanges(contract, schema)).toEqual([])
  })

  test('has a description on every type, field, argument, input field and enum value', () => {
    expect(undescribed(schema)).toEqual([])
  })

  test('is checked in as it is: run `npm run schema` after a change', () => {
    expect(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8')).toBe(printedSchema())
  })
})

function undescribed(one: GraphQLSchema): string[] {
  const types = Object.values(one.getTypeMap()).filter(
    (type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type),
  )
  return types.flatMap((type) => [
    ...lacking('', [type]),
    ...(isEnumType(type) ? lacking(type.name, type.getValues()) : []),
    ...('getFields' in type ? lacking(type.name, Object.values(type.getFields())) : []),
    ...(isObjectType(type) || isInterfaceType(type)
      ? Object.values(type.getFields()).flatMap((field) => lacking(`${type.name}.${field.name}`, field.args))
      : []),
  ])
}

const lacking = (owner: string, members: readonly { readonly name: string; readonly description?: string | null }[]) =>
  members.filter(({ description }) => !description?.trim()).map(({ name }) => `${owner}.${name}`)
