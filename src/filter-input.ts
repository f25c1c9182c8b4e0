import { CountersignError } from './errors.ts'
import { isPrincipalId, isRunId } from './ids.ts'

// Members of a list's filter, as the caller gave them. GraphQL looks at them before, but without it nothing has; and what is
// none of these may be an operator to a database.

/** Those that are given. @throws CountersignError BAD_USER_INPUT for one that is no list of texts, or of ids where it holds ids. */
export const givenLists = <Filter extends Filled<readonly string[]>>(filter: Filter) =>
  given(filter, 'a list of texts', (value) => Array.isArray(value) && value.every((item) => typeof item === 'string'))

/** Those that are given. @throws CountersignError BAD_USER_INPUT for one that is no text, or no id where it is one. */
export const givenTexts = <Filter extends Filled<string>>(filter: Filter) =>
  given(filter, 'a text', (value) => typeof value === 'string')

/** Those that are given. @throws CountersignError BAD_USER_INPUT for one that is no time. */
export const givenTimes = <Filter extends Filled<number>>(filter: Filter) =>
  given(filter, 'a time in ms since 1970', Number.isFinite)

/** Members that hold ids. What cannot be one would match nothing, and look as if there were nothing. */
const ids: Readonly<Record<string, { readonly prefix: string; readonly isId: (text: string) => boolean }>> = {
  runId: { prefix: 'run_', isId: isRunId },
  requestedBy: { prefix: 'prn_', isId: isPrincipalId },
  resolvedBy: { prefix: 'prn_', isId: isPrincipalId },
}

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
  for (const [name, value] of present) checkIds(name, value)
  return Object.fromEntries(present) as Given<Filter>
}

function checkIds(name: string, value: unknown): void {
  const kind = ids[name]
  const wrong = kind && [value].flat().find((id) => !kind.isId(String(id)))
  if (kind && wrong !== undefined)
    throw new CountersignError(
      'BAD_USER_INPUT',
      `\`${name}\`: '${String(wrong).slice(0, 60)}' is no id of its kind. Those begin with ${kind.prefix}; send one as you got it.`,
    )
}
