import { CountersignError } from '../errors.ts'

/** Ends the program: with the reason alone where it is known what to do about it, else with the whole error. */
export function fail(error: unknown): never {
  if (error instanceof CountersignError) stop([error.message])
  console.error(error)
  process.exit(1)
}

/** Ends the program with one line for each reason. */
export function stop(reasons: readonly string[]): never {
  for (const reason of reasons) console.error(`countersign: ${reason}`)
  process.exit(1)
}
