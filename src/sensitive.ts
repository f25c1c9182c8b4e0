import { isDeepStrictEqual } from 'node:util'
import { isJsonObject, type JsonText, type JsonValue, readJson, toJsonText } from './json.ts'

/**
 * Where in a call's arguments a value stands that is not shown: names from the outside in, `*` for every member of an object and every
 * element of a list. A name leads through a list to each of its elements.
 */
export type SensitivePath = readonly string[]

/** What is shown in its place. */
export const hidden = '‹hidden›'

/** Hides what is sensitive in one call: the values themselves, and what else of the call repeats them. */
export type Hiding = {
  readonly arguments: (text: JsonText) => JsonText
  /** What the call gave. */
  readonly result: (text: JsonText) => JsonText
  /** A text about the call. */
  readonly message: (text: string) => string
}

const nothingHidden: Hiding = { arguments: (text) => text, result: (text) => text, message: (text) => text }

/** @param all The call's arguments: as proposed, and whatever became of them. What does not parse is hidden as a whole. */
export function hidingOf(paths: readonly SensitivePath[], ...all: readonly (JsonText | null)[]): Hiding {
  if (paths.length === 0) return nothingHidden
  const message = hidingTexts(all.flatMap((text) => textsIn(sensitiveValues(text && parsed(text), paths))))
  const onText = (change: (value: JsonValue) => JsonValue) => (text: JsonText) => {
    const value = parsed(text)
    return toJsonText(value === undefined ? hidden : change(value))
  }
  return {
    arguments: onText((value) => repeated(hideAt(value, paths), message)),
    result: onText((value) => repeated(value, message)),
    message,
  }
}

/** Of somebody else's making, perhaps: see `shownObject`. */
function parsed(text: JsonText): JsonValue | undefined {
  try {
    return readJson(text)
  } catch {
    return undefined
  }
}

const hideAt = (value: JsonValue, paths: readonly SensitivePath[]): JsonValue =>
  paths.reduce((before, path) => changeAt(before, path, () => hidden), value)

function sensitiveValues(value: JsonValue | undefined, paths: readonly SensitivePath[]): JsonValue[] {
  const found: JsonValue[] = []
  for (const path of value === undefined ? [] : paths) {
    changeAt(value ?? null, path, (one) => {
      found.push(one)
      return one
    })
  }
  return found
}

function changeAt(value: JsonValue, path: SensitivePath, change: (value: JsonValue) => JsonValue): JsonValue {
  const [step, ...rest] = path
  if (step === undefined) return change(value)
  if (Array.isArray(value)) return value.map((item) => changeAt(item, step === '*' ? rest : path, change))
  if (isJsonObject(value)) {
    const members = Object.entries(value).map(([name, member]): [string, JsonValue] => [
      name,
      step === '*' || name === step ? changeAt(member, rest, change) : member,
    ])
    return Object.fromEntries(members)
  }
  // Something else than the path was made for: it may be what stands inside elsewhere.
  return value === null ? null : change(value)
}

/** Shorter ones stand in other texts by chance. */
const shortest = 4
/** Of more, each text would have to be searched for long. */
const mostTexts = 100

function textsIn(values: readonly JsonValue[]): string[] {
  return values.flatMap((value): string[] => {
    if (typeof value === 'string' || typeof value === 'number') return [String(value)]
    return typeof value === 'object' && value !== null ? textsIn(Object.values(value)) : []
  })
}

function hidingTexts(given: readonly string[]): (text: string) => string {
  const escaped = given.map((text) => JSON.stringify(text).slice(1, -1))
  const texts = [...new Set([...given, ...escaped])].filter(({ length }) => length >= shortest)
  if (texts.length > mostTexts) return () => hidden
  // The longest first: what is part of another must not leave the rest of it.
  texts.sort((a, b) => b.length - a.length)
  return (text) => texts.reduce((rest, one) => rest.replaceAll(one, found), text).replaceAll(found, hidden)
}

/** Stands for what was found until the rest is searched: a text that is well-formed does not have it, and so nothing is found across it. */
const found = '\ud800'

/** Without what is hidden elsewhere, in names too. */
function repeated(value: JsonValue, message: (text: string) => string): JsonValue {
  if (typeof value === 'string') return message(value)
  if (typeof value === 'number') return message(String(value)) === String(value) ? value : hidden
  if (Array.isArray(value)) return value.map((item) => repeated(item, message))
  if (!isJsonObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [message(name), repeated(member, message)]))
}

/** What somebody sent back of arguments that they were shown: what is hidden there stands for what it hides. */
export type Restored = {
  readonly value: JsonValue
  /** Where something is said to be hidden that cannot be told, or is not. */
  readonly unknown: readonly SensitivePath[]
}

/** In a list only an element that is as it was shown, in its place: of another nobody knows which it was. */
export function restored(given: JsonValue, original: JsonText, shown: JsonText): Restored {
  const unknown: SensitivePath[] = []
  const value = restore(given, readJson(original), readJson(shown), [], unknown)
  return { value, unknown }
}

function restore(
  given: JsonValue,
  original: JsonValue | undefined,
  shown: JsonValue | undefined,
  path: SensitivePath,
  unknown: SensitivePath[],
): JsonValue {
  if (original !== undefined && isDeepStrictEqual(given, shown)) return original
  if (typeof given === 'string' && given.includes(hidden)) unknown.push(path)
  if (Array.isArray(given)) {
    const isAsLong = Array.isArray(original) && Array.isArray(shown) && shown.length === given.length
    return given.map((item, index) =>
      isAsLong && isDeepStrictEqual(item, shown[index])
        ? (original[index] ?? null)
        : restore(item, undefined, undefined, [...path, String(index)], unknown),
    )
  }
  if (!isJsonObject(given)) return given
  const members = Object.entries(given).map(([name, member]): [string, JsonValue] => {
    const at = [...path, name]
    if (name.includes(hidden)) unknown.push(at)
    return [name, restore(member, memberOf(original, name), memberOf(shown, name), at, unknown)]
  })
  return Object.fromEntries(members)
}

/** What stands at this place of arguments, if it is shown otherwise than it is. */
export function hiddenValue(original: JsonText, shown: JsonText, path: readonly string[]): JsonValue | undefined {
  const at = (text: JsonText) => path.reduce<JsonValue | undefined>(memberOf, parsed(text))
  const value = at(original)
  const isHidden = typeof at(shown) === 'string' && !isDeepStrictEqual(value, at(shown))
  return isHidden ? value : undefined
}

export const memberOf = (value: JsonValue | undefined, name: string): JsonValue | undefined =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as { [name: string]: JsonValue })[name]
    : undefined

/** Whether a place is a sensitive one, or within one. */
export const isWithin = (place: readonly string[], paths: readonly SensitivePath[]): boolean =>
  sensitivePathOf(place, paths) !== undefined

/** The path that makes a place a sensitive one, or one within. */
export const sensitivePathOf = (place: readonly string[], paths: readonly SensitivePath[]): SensitivePath | undefined =>
  paths.find((path) => leadsInto(path, place))

function leadsInto(path: SensitivePath, place: readonly string[]): boolean {
  const [step, ...rest] = path
  const [name, ...inner] = place
  if (step === undefined) return true
  if (name === undefined) return false
  if ((step === '*' || step === name) && leadsInto(rest, inner)) return true
  // Through a list, whose elements no path numbers.
  return /^\d+$/.test(name) && leadsInto(path, inner)
}
