import type { GraphQLResolveInfo } from 'graphql'
import { readNames } from '../access/names.ts'
import { maySeeApproval, maySeeRun } from '../access/rules.ts'
import type { ApprovalId, PrincipalId, RunId } from '../ids.ts'
import { type PausedRun, pausedTree } from '../runs/paused-tree.ts'
import type { ApprovalRecord, RunRecord } from '../store/records.ts'
import type { GraphQLContext } from './context.ts'
import { createRunStates, type RunStates } from './run-states.ts'

/** Reads that one execution makes once, however many fields ask. */
export type Loaders = {
  /** Null also for a run that the viewer may not see. */
  readonly run: (id: RunId) => Promise<RunRecord | null>
  /** A run, with the paused ones of agents it asked that the viewer may see. */
  readonly tree: (outer: PausedRun) => Promise<PausedRun[]>
  /** Null also for an approval that the viewer may not see. */
  readonly approval: (id: ApprovalId) => Promise<ApprovalRecord | null>
  readonly state: RunStates
  readonly principalName: (id: PrincipalId) => Promise<string | null>
}

/** What a field costs for which a journal is read: see `costLimit`. */
export const loadCost = 250

const byExecution = new WeakMap<object, Loaders>()

/**
 * The loaders of this execution: of one query, of one mutation field, of one event of a subscription. An event is the `rootValue` of its own
 * execution, and `variableValues` are made anew for each query; a context would live as long as a subscription does.
 */
export function loadersOf(context: GraphQLContext, info: GraphQLResolveInfo): Loaders {
  const key = executionOf(info)
  const loaders = byExecution.get(key) ?? createLoaders(context)
  byExecution.set(key, loaders)
  return loaders
}

/** After a mutation field: the next one of the same document reads anew. */
export const forgetLoaded = (info: GraphQLResolveInfo): void => void byExecution.delete(executionOf(info))

const executionOf = ({ rootValue, variableValues }: GraphQLResolveInfo): object =>
  typeof rootValue === 'object' && rootValue !== null ? rootValue : variableValues

function createLoaders(context: GraphQLContext): Loaders {
  const { store } = context.engine
  const { principal } = context
  const names = batched((ids: readonly PrincipalId[]) => readNames(store, principal.tenant, ids))
  const state = createRunStates(context)
  const run = batched<RunId, RunRecord>(async (ids) => {
    const runs = await store.runs.getMany(ids)
    return mapById(runs.filter((one) => maySeeRun(principal, one)))
  })
  const visible = async (ids: readonly RunId[]) => (await Promise.all(ids.map(run))).filter((one) => one !== null)
  return {
    run,
    tree: (outer) => pausedTree({ getMany: visible, stateOf: state }, outer),
    approval: batched(async (ids) => {
      const approvals = await store.approvals.getMany(ids)
      return mapById(approvals.filter((approval) => maySeeApproval(principal, approval)))
    }),
    state,
    principalName: async (id) => (id === principal.id && principal.name !== null ? principal.name : await names(id)),
  }
}

const mapById = <Id extends string, Value extends { readonly id: Id }>(
  values: readonly (Value | null)[],
): Map<Id, Value> => new Map(values.flatMap((value) => (value ? [[value.id, value]] : [])))

/** Gathers the ids that are asked for together, reads each once and keeps what came. */
function batched<Id, Value>(
  read: (ids: readonly Id[]) => Promise<ReadonlyMap<Id, Value>>,
): (id: Id) => Promise<Value | null> {
  const kept = new Map<Id, Promise<Value | null>>()
  let batch: { readonly ids: Id[]; readonly values: Promise<ReadonlyMap<Id, Value>> } | null = null
  const begin = () => {
    const ids: Id[] = []
    // After the promises that are ready now: what other fields ask meanwhile comes along.
    const values = new Promise<void>((go) => queueMicrotask(() => process.nextTick(go))).then(() => {
      batch = null
      return read(ids)
    })
    return { ids, values }
  }
  return (id) => {
    const known = kept.get(id)
    if (known) return known
    batch ??= begin()
    batch.ids.push(id)
    const value = batch.values.then((values) => values.get(id) ?? null)
    kept.set(id, value)
    return value
  }
}
