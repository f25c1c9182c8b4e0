import { CountersignError } from './errors.ts'

// Members of a list's filter, as the caller gave them. GraphQL looks at them before, but without it nothing has; and what is
// none of these may be an operator to a database.

/** Those that are given. @throws CountersignError BAD_USER_INPUT for one that is no list of texts. */
export const givenLists = <Filter extends Filled<readonly string[]>>(filter: Filter) =>
  given(filter, 'a list of texts', (value) => Array.isArray(value) && value.every((item) => typeof item === 'string'))

/** Those that are given. @throws CountersignError BAD_USER_INPUT for one that is no text. */
export const givenTexts = <Filter extends Filled<string>>(filter: Filter) =>
  given(filter, 'a text', (value) => typeof value === 'string')

/** Those that are given. @throws CountersignError BAD_USER_INPUT for one that is no time. */
export const givenTimes = <Filter extends Filled<number>>(filter: Filter) =>
  given(filter, 'a time in ms since 1970', Number.isFinite)

type Filled<Value> = Readonly<Record<string, Value | null | undefined>>
type Given<Filter> = { readonly [Name in keyof Filter]?: NonNullable<Filter[Name]> }

function given<Filter extends Filled<unknown>>(
  filter: Filter,
  what: string,
  isOne: (value: unknown) => boolean,
): Given<Filter> {
  const present = Object.entries(filter).filter(([, value]) => value != null)
  const wrong = present.find(([, value]) => !isOne(value))
  if (wrong) throw new CountersignError('BAD_USER_INPUT', `\`${wrong[0]}\` must be ${what}.`)
  return Object.fromEntries(present) as Given<Filter>
}
