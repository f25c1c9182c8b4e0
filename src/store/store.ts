import type { ApprovalId, KeyId, PrincipalId, RunId } from '../ids.ts'
import type {
  ApprovalChange,
  ApprovalRecord,
  ApprovalStatus,
  ApprovalType,
  CancelRequest,
  EntryRecord,
  HistoryRef,
  KeyRecord,
  PauseKind,
  PrincipalRecord,
  Resolution,
  RunHead,
  RunRecord,
  RunStatus,
} from './records.ts'

/**
 * The port behind which everything is kept. Every method is one atomic write or one read of committed data.
 * A promise that rejects means "outcome unknown" for a write: read before you believe either way.
 * A promise that resolves is durable: it survives the process and the machine's power.
 *
 * @throws CountersignError STORE_UNAVAILABLE from every method while the database cannot be reached; STORE_CONFLICT from a write
 *   whose new record or entry has an id or a place that is taken.
 */
export interface Store extends AsyncDisposable {
  /** For people, without credentials: `SQLite 3.50 at ./countersign.db`. */
  readonly description: string
  /** The clock that leases and deadlines are judged by, in ms since 1970. */
  now(): number
  readonly runs: RunStore
  readonly journal: JournalStore
  readonly approvals: ApprovalStore
  readonly principals: PrincipalStore
  readonly keys: KeyStore
  /** Tells of every committed change from now on, also of other processes'. What `sink` throws is not caught. */
  changes(sink: (news: News) => void): Disposable
  /** Resolves when the database answers. */
  ping(): Promise<void>
}

/**
 * What changed, by id. The record as the change left it comes along where it is at hand; it may have changed since. `missed` says that news may have
 * been lost.
 */
export type News =
  /** `seq` is 0 where nothing was written to the journal and the place is not known: somebody's signal. */
  | { readonly kind: 'run'; readonly id: RunId; readonly seq: number; readonly record?: RunRecord }
  | {
      readonly kind: 'approval'
      readonly id: ApprovalId
      readonly revision: number
      readonly runId: RunId
      readonly record?: ApprovalRecord
    }
  | { readonly kind: 'missed' }

export interface RunStore {
  /**
   * Writes a new run with its first entry and, if the session is new, the session with its owner.
   * Writes nothing when a run of this id stands already, or the session belongs to somebody else.
   */
  create(run: RunRecord, started: EntryRecord): Promise<Created>
  /**
   * Takes the run's lease when it has none or the old one is over: fence + 1, lease set, due cleared, the record as it then stands
   * is given. When somebody else holds it, the run is signalled instead (signals + 1, due = now) and null is given. Null for an unknown id too.
   */
  claimOrSignal(id: RunId, lease: NewLease): Promise<RunRecord | null>
  /** Takes up to `limit` leases of runs of these agents that are due or whose lease is over, the longest due first; none of the tenants in `without`. */
  claimDue(
    agentNames: readonly string[],
    limit: number,
    lease: NewLease,
    without?: readonly string[],
  ): Promise<RunRecord[]>
  /** Of each agent but these whose runs have been due, or their leases over, since `before`: the run that waits longest. At most `limit`. */
  unserved(agentNames: readonly string[], before: number, limit: number): Promise<Unserved[]>
  /** Sets the lease's end and gives the record as it stands; null when the fence has been raised since. */
  renew(id: RunId, fence: number, until: number): Promise<RunRecord | null>
  /** signals + 1 and due = now, whatever the status; sets `cancelRequested` if given and none stands yet and the run is not over. Null for an unknown id. */
  signal(id: RunId, cancel?: CancelRequest): Promise<RunRecord | null>
  /** One transaction that writes all of a step or nothing. A step without entries is no news of its run. */
  step(step: Step): Promise<StepResult>
  get(id: RunId): Promise<RunRecord | null>
  /** In no particular order; ids that are not there are left out. */
  getMany(ids: readonly RunId[]): Promise<RunRecord[]>
  list(filter: RunFilter, order: RunOrder, page: Page): Promise<RunRecord[]>
  /** Counts up to `limit`. */
  count(filter: RunFilter, limit: number): Promise<number>
  /** The COMPLETED runs of a session, oldest first, with their last entry's place; at most `limit`, the newest ones. Null when the session is another requester's. */
  history(tenant: string, sessionId: string, requester: PrincipalId, limit: number): Promise<HistoryRef[] | null>
}

export type Created =
  | { readonly outcome: 'created'; readonly run: RunRecord }
  | { readonly outcome: 'exists'; readonly run: RunRecord }
  | { readonly outcome: 'session-taken' }

export type Unserved = { readonly agentName: string; readonly id: RunId; readonly since: number }

export type NewLease = { readonly owner: string; readonly now: number; readonly until: number }

/** What one step of a run writes. Its first write is the run, matched by id, fence and seq; no match, and nothing is written. */
export type Step = {
  readonly runId: RunId
  readonly fence: number
  /** The run's `seq` before the step; the entries follow it without a gap. */
  readonly seq: number
  readonly entries: readonly EntryRecord[]
  /** With `cancelRequested` where a cancel that came too late for a run that is over is forgotten: it goes on. */
  readonly head: RunHead & { readonly cancelRequested?: null }
  readonly propose: readonly ApprovalRecord[]
  /** Runs of agents that these entries begin, each with its first entry; their sessions are their requester's. */
  readonly start: readonly NewRun[]
  /** Runs to be woken, as {@link RunStore.signal} does it: unknown ids are passed over. */
  readonly signal: readonly RunSignal[]
  /** Approvals whose decision these entries journal: their `unheard` mark is cleared (no new revision). */
  readonly heard: readonly ApprovalId[]
  /** The run is over: every approval of it that is still PENDING gets this resolution, by the rules of {@link ApprovalStore.decide}, and none is `unheard` any more. */
  readonly cancelPending: Resolution | null
  /** Gives up the lease in the same transaction, if no signal came since the holder last looked; `due` is when to look again. Null keeps it. */
  readonly release: Release | null
}
export type NewRun = { readonly run: RunRecord; readonly started: EntryRecord }
export type RunSignal = { readonly id: RunId; readonly cancel: CancelRequest | null }
export type Release = { readonly signals: number; readonly due: number | null }
/** `run` is the record after the step; its lease is null when it was released. Null: not the holder any more, nothing was written. */
export type StepResult = RunRecord | null

export interface JournalStore {
  /** Entries with a place after `after`, in order, at most `limit`. */
  read(runId: RunId, after: number, limit: number): Promise<EntryRecord[]>
}

export interface ApprovalStore {
  get(id: ApprovalId): Promise<ApprovalRecord | null>
  /** In no particular order; ids that are not there are left out. */
  getMany(ids: readonly ApprovalId[]): Promise<ApprovalRecord[]>
  list(filter: ApprovalFilter, order: ApprovalOrder, page: Page): Promise<ApprovalRecord[]>
  count(filter: ApprovalFilter, limit: number): Promise<number>
  /**
   * The conditional write. Wins only while everything in `expected` holds; then status, resolution, revision + 1, updatedAt, `unheard`
   * and one more change of the history are written. Gives the record as it stands afterwards, null when there is none in this tenant.
   */
  decide(id: ApprovalId, tenant: string, expected: Expected, resolution: Resolution): Promise<Decided>
  /** What is PENDING and due at `at` or before, the longest due first. At most `limit`. */
  due(at: number, limit: number): Promise<DueApproval[]>
  /**
   * The conditional write of a reminder. Wins only while the approval is PENDING and due when it was read to be; then `due`, revision + 1, updatedAt
   * and one more change of the history are written. Gives whether it won.
   */
  remind(
    approval: Pick<DueApproval, 'id' | 'tenant' | 'due'>,
    next: { readonly due: number; readonly at: number },
  ): Promise<boolean>
  /**
   * The conditional write of something that happened to an approval and does not decide it, whatever its status. Wins only while everything
   * in `expected` holds; then revision + 1, updatedAt and one more change of the history are written, and nothing else.
   */
  note(id: ApprovalId, tenant: string, expected: ExpectedOfNote, change: Note): Promise<Decided>
  /** Runs that have had an unheard approval since before `before`: their signal was lost. At most `limit`. */
  unheard(before: number, limit: number): Promise<RunId[]>
}

/** Little of each, for there may be very many. */
export type DueApproval = Pick<ApprovalRecord, 'id' | 'tenant' | 'runId'> & { readonly due: number }

/** What must hold for a decision to win: the status is PENDING, and the rest where given. */
export type Expected = {
  readonly fingerprint?: string
  readonly revision?: number
  /** 'open': no deadline, or one later than `at`. 'passed': a deadline at or before `at`. */
  readonly deadline?: { readonly is: 'open' | 'passed'; readonly at: number }
}
export type ExpectedOfNote = Expected & { readonly status?: ApprovalStatus }
/** The revision follows. */
export type Note = Omit<ApprovalChange, 'revision'>
export type Decided = { readonly won: boolean; readonly approval: ApprovalRecord | null }

export interface PrincipalStore {
  /** Keeps the name a principal had when it last started or decided something. */
  put(principal: PrincipalRecord): Promise<void>
  getMany(tenant: string, ids: readonly PrincipalId[]): Promise<PrincipalRecord[]>
}

/** API keys. They are no news: whoever believes one looks again every few seconds. */
export interface KeyStore {
  /** Keeps a new key; STORE_CONFLICT when there is one of its id. */
  put(key: KeyRecord): Promise<void>
  /** In no particular order; ids that are not there are left out. */
  getMany(ids: readonly KeyId[]): Promise<KeyRecord[]>
  /** At most `limit` keys of all tenants, the oldest first; those after `after`, when it is given. */
  list(limit: number, after?: Pick<KeyRecord, 'createdAt' | 'id'>): Promise<KeyRecord[]>
  /** Sets `revokedAt`, if it is not set, and gives the key as it then stands; null when there is none. */
  revoke(id: KeyId, at: number): Promise<KeyRecord | null>
  /** Sets `lastUsedAt`, unless it is later. Unknown ids are passed over. */
  touch(id: KeyId, at: number): Promise<void>
}

/** What the command line opens of a store to see to keys, also while a server holds the database. */
export type KeyDatabase = AsyncDisposable & Pick<Store, 'description' | 'now' | 'keys'>

/**
 * A keyset page. `after`/`before` are the sort keys of a record; `backward` takes the page's records from the end (they still come in order).
 */
export type Page = {
  readonly limit: number
  readonly after?: Key | null
  readonly before?: Key | null
  readonly backward?: boolean
}
/** The sort value (null sorts last, whatever the direction) and the id that breaks ties. */
export type Key = { readonly value: number | null; readonly id: string }

/** Newest and oldest by createdAt. */
export type RunOrder = 'NEWEST_FIRST' | 'OLDEST_FIRST'
/** Newest and oldest by createdAt, soonest by expiresAt, recently by the resolution's `at`. Ties by id, in the same direction. */
export type ApprovalOrder = 'OLDEST_FIRST' | 'NEWEST_FIRST' | 'EXPIRES_SOONEST' | 'RECENTLY_RESOLVED'

/** Who asks sees: everything of the tenant, or only what they requested, and with `gated` also every run that has approvals. */
export type Visible = { readonly tenant: string; readonly requestedBy?: PrincipalId; readonly gated?: boolean }

/** Members that are left out do not restrict; an empty list matches nothing. Times: `after` inclusive, `before` exclusive. */
export type RunFilter = {
  readonly visible: Visible
  readonly status?: readonly RunStatus[]
  readonly agentName?: readonly string[]
  readonly sessionId?: string
  readonly requestedBy?: readonly PrincipalId[]
  readonly createdAfter?: number
  readonly createdBefore?: number
}

export type ApprovalFilter = {
  /** `gated` has no meaning here. */
  readonly visible: Visible
  readonly status?: readonly ApprovalStatus[]
  readonly type?: readonly ApprovalType[]
  readonly kind?: readonly PauseKind[]
  readonly agentName?: readonly string[]
  readonly toolName?: readonly string[]
  readonly runId?: RunId
  readonly requestedBy?: readonly PrincipalId[]
  readonly resolvedBy?: readonly PrincipalId[]
  readonly createdAfter?: number
  readonly createdBefore?: number
  readonly resolvedAfter?: number
  readonly resolvedBefore?: number
}
