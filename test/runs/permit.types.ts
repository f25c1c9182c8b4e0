import { dispatch, type Permit } from '../../src/runs/dispatch.ts'

// Compiled and never run: each line under a comment must be an error. permit.test.ts compiles this file without the comments too.

declare const options: Parameters<typeof dispatch>[1]
declare const permit: Permit

export const allowed = () => dispatch(permit, options)

export const refused = () => [
  // @ts-expect-error nothing
  dispatch(undefined, options),
  // @ts-expect-error null
  dispatch(null, options),
  // @ts-expect-error a plain object
  dispatch({}, options),
  // @ts-expect-error a frozen one, as a permit is at run time
  dispatch(Object.freeze({}), options),
  // @ts-expect-error a number
  dispatch(1, options),
  // @ts-expect-error a copy is not enough where a property is left out
  dispatch({ permitted: true }, options),
  // @ts-expect-error unknown
  dispatch(undefined as unknown, options),
]
