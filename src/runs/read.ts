import type { Principal } from '../access/principal.ts'
import { maySeeRun, visibleRuns } from '../access/rules.ts'
import { type Connection, type PageInput, pageOf, readConnection } from '../connection.ts'
import type { Engine } from '../engine.ts'
import { givenLists, givenTexts, givenTimes } from '../filter-input.ts'
import { isRunId, type PrincipalId } from '../ids.ts'
import type { RunRecord, RunStatus } from '../store/records.ts'
import type { RunFilter, RunOrder } from '../store/store.ts'

/** Which runs to list. What is left out or null does not restrict; an empty list matches nothing. Times in ms since 1970. */
export type RunListFilter = {
  readonly status?: readonly RunStatus[] | null
  readonly agentName?: readonly string[] | null
  readonly sessionId?: string | null
  readonly requestedBy?: readonly string[] | null
  /** Created at this moment or later. */
  readonly createdAfter?: number | null
  /** Created before this moment. */
  readonly createdBefore?: number | null
}

export type ListRunsInput = PageInput & {
  readonly filter?: RunListFilter | null
  /** Default NEWEST_FIRST. */
  readonly orderBy?: RunOrder | null
}

/** The run, or null: for an id that is malformed, unknown, another tenant's, or of a run that `principal` may not see. */
export async function getRun(engine: Engine, principal: Principal, id: string): Promise<RunRecord | null> {
  if (!isRunId(id)) return null
  const run = await engine.store.runs.get(id)
  return run && maySeeRun(principal, run) ? run : null
}

/**
 * The runs that `principal` may see.
 *
 * @throws CountersignError BAD_USER_INPUT for a bad filter, page size or cursor.
 */
export async function listRuns(
  engine: Engine,
  principal: Principal,
  input: ListRunsInput = {},
): Promise<Connection<RunRecord>> {
  const orderBy = input.orderBy ?? 'NEWEST_FIRST'
  const order = `runs ${orderBy}`
  const visible = visibleRuns(principal)
  if (!visible) return pageOf(input, order, [])
  const filter: RunFilter = { visible, ...given(input.filter ?? {}) }
  return readConnection(input, {
    order,
    key: ({ createdAt, id }) => ({ value: createdAt, id }),
    read: (page) => engine.store.runs.list(filter, orderBy, page),
    count: (limit) => engine.store.runs.count(filter, limit),
  })
}

/** The members that are given. */
const given = ({
  status,
  agentName,
  sessionId,
  requestedBy,
  createdAfter,
  createdBefore,
}: RunListFilter): Omit<RunFilter, 'visible'> => ({
  ...givenLists({ status, agentName, requestedBy: requestedBy as readonly PrincipalId[] | null | undefined }),
  ...givenTexts({ sessionId }),
  ...givenTimes({ createdAfter, createdBefore }),
})
