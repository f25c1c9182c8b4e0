import type { Principal } from '../access/principal.ts'
import type { Engine } from '../engine.ts'

/** What every resolver is given: made by the server for each operation, after it knows who asks. */
export type GraphQLContext = {
  readonly engine: Engine
  readonly principal: Principal
  /** Stands in the log and in masked errors, so that one can be found by the other. */
  readonly requestId: string
  /** Counts a run that is started. @throws CountersignError RATE_LIMITED */
  readonly countStart: (principal: Principal) => void
}
