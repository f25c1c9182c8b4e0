import type { InputIssue } from '../agents/input-schema.ts'
import { type JsonText, toJson, toJsonText } from '../json.ts'
import { hidden, hidingOf, isWithin, restored, type SensitivePath } from '../sensitive.ts'

// What comes from people who were shown arguments with something hidden in them, and what they are told is wrong with it.

/** The edited arguments, with what is hidden in them as it was proposed. What is no JSON is left to whoever checks it. */
export function readHidden(
  given: unknown,
  proposed: JsonText,
  paths: readonly SensitivePath[],
): { readonly value: unknown; readonly unknown: readonly SensitivePath[] } {
  try {
    return restored(toJson(given), proposed, hidingOf(paths, proposed).arguments(proposed))
  } catch {
    return { value: given, unknown: [] }
  }
}

export const cannotTell = (path: readonly string[]): InputIssue => ({
  path,
  message: `'${hidden}' stands for a value that is hidden at this place, and in a list only while its element is left as it was shown: send the value itself.`,
})

/**
 * Issues as they may be shown: what a schema says of a value may quote it.
 *
 * @param at Where in the input the arguments stand, or a part of them.
 */
export function shownIssues(
  issues: readonly InputIssue[],
  at: readonly string[],
  paths: readonly SensitivePath[],
  ...all: readonly unknown[]
): readonly InputIssue[] {
  const { message: hide } = hidingOf(paths, ...all.map(textOf))
  return issues.map(({ path, message }) => {
    const isAbout = path.length >= at.length && at.every((step, index) => path[index] === step)
    if (isAbout && isWithin(path.slice(at.length), paths)) return { path, message: unfit }
    return { path, message: hide(message) }
  })
}

const unfit = 'It does not fit; why is not said of a sensitive value.'

function textOf(value: unknown): JsonText | null {
  try {
    return toJsonText(value)
  } catch {
    return null
  }
}
