/** Whether a value is written as `{ … }`: of anything else, such as a Map or a promise, its own entries do not say what it holds. */
export function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype) return true
  // Of another realm; one that inherits from a record of one's own would leave that one's entries behind.
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty')
}
