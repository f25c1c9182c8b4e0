import { inspect } from 'node:util'
import { CountersignError } from '../errors.ts'
import { withoutCredentials } from '../server/credentials.ts'

/** Ends the program: with the reason alone where it is known what to do about it, else with the whole error. */
export function fail(error: unknown): never {
  if (error instanceof CountersignError) stop([error.message])
  console.error(withoutCredentials(inspect(error)))
  process.exit(1)
}

/** Ends the program with one line for each reason. */
export function stop(reasons: readonly string[]): never {
  for (const reason of reasons) console.error(withoutCredentials(`countersign: ${reason}`))
  process.exit(1)
}
