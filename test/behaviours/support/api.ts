import type { PrincipalInput } from '../../../src/access/principal.ts'
import type { AnyData, Client, Events } from '../../support/client.ts'
import { principalOf } from '../../support/principals.ts'
import type { TestServer, TestServerOptions } from '../../support/test-server.ts'
import * as documents from './documents.ts'

// The operations of the API over HTTP, as people use them. Tokens are those of test/support/principals.ts.

/** The principal of a token, for the library. */
export function person(token: string): PrincipalInput {
  const principal = principalOf(token)
  if (!principal) throw new Error(`${token} is nobody.`)
  return principal
}

/** Stops the server and starts another, and waits until no kept-alive connection to the old one is left to be tried. */
export async function restart(api: TestServer, changes: Partial<TestServerOptions> = {}): Promise<void> {
  await api.restart(changes)
  while (!(await fetch(`${api.url}/ready`).catch(() => null))?.ok);
}

type StartOptions = { as?: string; [input: string]: unknown }

/** Starts a run and waits until it is paused or over. */
export async function start(api: Client, { as = 'requester-1', ...input }: StartOptions = {}): Promise<AnyData> {
  const asked = { agentName: 'agent', message: 'Do it.', waitMs: 30_000, ...input }
  const { startRun } = await api.data(documents.startRun, { input: asked }, as)
  if (startRun.__typename !== 'StartRunSuccess') throw new Error(`Not started: ${JSON.stringify(startRun)}`)
  return startRun.run
}

export async function readRun(api: Client, id: string, as = 'admin-1'): Promise<AnyData> {
  return (await api.data(documents.run, { id }, as)).run
}

export async function readApproval(api: Client, id: string, as = 'admin-1'): Promise<AnyData> {
  return (await api.data(documents.approval, { id }, as)).approval
}

/** The approvals of a run, or of all, in the order they were proposed. */
export async function listApprovals(api: Client, filter: object, as = 'approver-1'): Promise<AnyData[]> {
  const { approvals } = await api.data(documents.approvals, { filter }, as)
  return approvals.edges.map(({ node }: AnyData) => node)
}

export type Resolve = { as?: string; decision?: object; [input: string]: unknown }

/** Approves, unless another decision is given. */
export async function resolve(api: Client, approvalId: string, { as = 'approver-1', ...input }: Resolve = {}) {
  const asked = { approvalId, decision: { approve: {} }, ...input }
  return (await api.data(documents.resolveApproval, { input: asked }, as)).resolveApproval
}

/** As {@link resolve}, and throws when the decision is not the one that counts. */
export async function decide(api: Client, approvalId: string, options: Resolve = {}): Promise<AnyData> {
  const answer = await resolve(api, approvalId, options)
  if (answer.__typename !== 'ResolveApprovalSuccess') throw new Error(`Not decided: ${JSON.stringify(answer)}`)
  return answer.approval
}

export async function continueRun(api: Client, runId: string, input: object = {}, as = 'requester-1') {
  const asked = { runId, waitMs: 30_000, ...input }
  return (await api.data(documents.continueRun, { input: asked }, as)).continueRun
}

export async function cancel(api: Client, runId: string, input: object = {}, as = 'requester-1') {
  return (await api.data(documents.cancelRun, { input: { runId, ...input } }, as)).cancelRun
}

export const watchRun = (api: Client, runId: string, after = 0): Events<AnyData> =>
  api.subscribe(documents.runEvents, { runId, after }, 'admin-1')

export const watchPending = (api: Client, filter: object | null = null, as = 'approver-1'): Events<AnyData> =>
  api.subscribe(documents.pendingApprovals, { filter }, as)

/** The run's journal as its events, up to the first for which `last` holds, or to its end. What the model says meanwhile is left out. */
export async function eventsOf(
  api: Client,
  runId: string,
  last: (event: AnyData) => boolean = () => false,
): Promise<AnyData[]> {
  await using events = watchRun(api, runId)
  const seen: AnyData[] = []
  for await (const { data, errors } of events) {
    if (!data) throw new Error(`GraphQL errors: ${JSON.stringify(errors)}`)
    const event = data.runEvents
    if (event.__typename === 'TextDelta') continue
    seen.push(event)
    if (last(event)) break
  }
  return seen
}

/** The run once it is over. */
export async function finished(api: Client, runId: string): Promise<AnyData> {
  await eventsOf(api, runId)
  return readRun(api, runId)
}

/** The run once it is over, or waits for somebody's word on a call that a crash cut off. */
export async function finishedOrInDoubt(api: Client, runId: string): Promise<AnyData> {
  const isInDoubt = (event: AnyData) =>
    event.__typename === 'RunPaused' && event.requirements.some(({ kind }: AnyData) => kind === 'RECONCILIATION')
  await eventsOf(api, runId, isInDoubt)
  return readRun(api, runId)
}

/** What a run waits for of that kind. */
export const doubtsOf = (run: AnyData): AnyData[] =>
  run.requirements.filter(({ kind }: AnyData) => kind === 'RECONCILIATION')

/** Says of everything that is in doubt in a run that it happened. */
export async function saysItHappened(api: Client, run: AnyData, result: unknown = 'It happened.'): Promise<void> {
  const decision = { reconcile: { happened: { success: { result } } } }
  for (const { approval } of doubtsOf(run)) await decide(api, approval.id, { decision })
}

/** The run once its journal has this many events of a type. */
export async function until(api: Client, runId: string, typename: string, count = 1): Promise<AnyData> {
  let left = count
  await eventsOf(api, runId, (event) => event.__typename === typename && --left === 0)
  if (left > 0) throw new Error(`${runId} ended before its ${typename} number ${count}.`)
  return readRun(api, runId)
}

export const typesOf = (events: readonly AnyData[]): string[] => events.map(({ __typename }) => __typename)
export const callsOf = (run: AnyData): AnyData[] => run.toolCalls.edges.map(({ node }: AnyData) => node)
export const approvalsOf = (run: AnyData): AnyData[] => run.approvals.edges.map(({ node }: AnyData) => node)
