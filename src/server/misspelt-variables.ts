import { variableNames } from './config.ts'

export type Misspelt = { readonly given: string; readonly meant: string }

/** Names that differ by one slip from a variable that is read and not set: a misspelt API_KEYS must not pass for none. */
export const misspeltVariables = (env: Readonly<Record<string, string | undefined>>): readonly Misspelt[] =>
  Object.keys(env)
    .filter((given) => !variableNames.includes(given))
    .flatMap((given) => {
      const meant = variableNames.find((name) => !env[name] && isOneSlip(given, name))
      return meant === undefined ? [] : [{ given, meant }]
    })

/** One letter too many, too few or another, or two that changed places. */
function isOneSlip(given: string, name: string): boolean {
  const shorter = Math.min(given.length, name.length)
  let start = 0
  while (start < shorter && given[start] === name[start]) start++
  let end = 0
  while (end < shorter - start && given.at(-1 - end) === name.at(-1 - end)) end++
  const [is, was] = [given.slice(start, given.length - end), name.slice(start, name.length - end)]
  return (is.length <= 1 && was.length <= 1) || (is.length === 2 && is === [...was].reverse().join(''))
}
