import { logActor } from '../access/acting-for.ts'
import { rememberName } from '../access/names.ts'
import type { Principal } from '../access/principal.ts'
import { mayStartRuns } from '../access/rules.ts'
import type { InputIssue } from '../agents/input-schema.ts'
import type { Engine } from '../engine.ts'
import { newRunId, runIdForKey } from '../ids.ts'
import type { StartRunInput } from '../inputs.ts'
import { byteLength, isJsonObject, type JsonText, sha256, toJsonText } from '../json.ts'
import { waitForRun } from '../live/wait-for-run.ts'
import { forbidden, invalidInput, notFound, type StartRunResult } from '../results.ts'
import { newRun, newSessionId } from './new-run.ts'

export const longestWait = 30_000
/** How many earlier runs of a session the model is shown. */
const longestHistory = 50
const longestMetadata = 64 * 1024

/** Starts a run, in one transaction with its first entry; with `waitMs`, answers as soon as it is paused or over, or the wait is up. */
export async function startRun(engine: Engine, principal: Principal, input: StartRunInput): Promise<StartRunResult> {
  const { store, hub, worker, agents, offered, settings } = engine
  if (!mayStartRuns(principal)) return forbidden('Only a REQUESTER or an ADMIN can start runs.')
  const agent = offered.has(input.agentName) ? agents.get(input.agentName) : undefined
  if (!agent)
    return notFound(
      `agent as '${String(input.agentName).slice(0, 100)}'. The agents are: ${[...offered].join(', ') || 'none'}`,
    )
  const { metadata, issues } = checkStart(input, settings.limits.message)
  if (issues.length > 0) return invalidInput(...issues)

  const now = store.now()
  const key = input.idempotencyKey ?? null
  const id = key === null ? newRunId() : runIdForKey(principal.tenant, principal.id, key)
  const sessionId = input.sessionId ?? newSessionId()
  const history =
    input.sessionId == null ? [] : await store.runs.history(principal.tenant, sessionId, principal.id, longestHistory)
  if (history === null) return notFound('session')

  const reservation = worker.reserve()
  const asked = {
    id,
    tenant: principal.tenant,
    agentName: agent.name,
    sessionId,
    requestedBy: principal.id,
    resumeMode: input.resumeMode ?? 'AUTOMATIC',
    message: input.message,
    metadata,
    inputHash: key === null ? null : hashOf(input, metadata),
    parent: null,
    path: [agent.name],
  }
  const { run, started, state } = newRun(asked, {
    now,
    lease: reservation?.lease ?? null,
    history,
    historyMessages: agent.maxHistoryMessages,
    actor: principal.actor,
  })
  try {
    const [created] = await Promise.all([store.runs.create(run, started), rememberName(engine, principal)])
    if (created.outcome === 'session-taken') {
      reservation?.drop()
      return notFound('session')
    }
    if (created.outcome === 'exists') {
      reservation?.drop()
      if (created.run.inputHash !== run.inputHash) {
        return {
          __typename: 'IdempotencyConflictError',
          message: 'This idempotency key was used with another input: here is the run it started.',
          run: created.run,
        }
      }
    } else {
      reservation?.adopt(created.run, state)
      logActor(engine, principal, { operation: 'startRun', runId: id })
    }
    const answer = await waitForRun(
      { store, hub },
      created.run,
      input.waitMs ?? 0,
      ({ status }) => status !== 'RUNNING',
      // Nobody else writes to a run that was just handed to the worker here.
      created.outcome === 'created' && reservation ? 'now' : 'before',
    )
    return { __typename: 'StartRunSuccess', run: answer }
  } catch (error) {
    // The write's outcome may be unknown: if the run is there, its lease runs out and the sweep takes it up.
    reservation?.drop()
    throw error
  }
}

/** What the caller asked for, not what was filled in; how long they wait is no part of it. */
const hashOf = ({ agentName, message, sessionId, resumeMode }: StartRunInput, metadata: JsonText | null): string =>
  sha256(JSON.stringify([agentName, message, sessionId ?? null, resumeMode ?? 'AUTOMATIC', metadata]))

function checkStart(input: StartRunInput, limit: number): { metadata: JsonText | null; issues: readonly InputIssue[] } {
  const { message, sessionId, idempotencyKey, waitMs } = input
  const issues: InputIssue[] = [...checkWait(waitMs)]
  const add = (path: string, text: string) => issues.push({ path: [path], message: text })
  if (typeof message !== 'string')
    return { metadata: null, issues: [...issues, { path: ['message'], message: 'Give a text.' }] }
  if (message.trim() === '') add('message', 'Say what the agent shall do: the message is empty.')
  if (byteLength(message) > limit) add('message', `At most ${limit} bytes.`)
  if (!message.isWellFormed()) add('message', 'It has a lone surrogate: send well-formed Unicode.')
  if (sessionId != null && !isName(sessionId)) add('sessionId', 'Give 1 to 200 characters.')
  if (idempotencyKey != null && !isName(idempotencyKey)) add('idempotencyKey', 'Give 1 to 200 characters.')
  let metadata: JsonText | null = null
  if (input.metadata != null) {
    if (!isJsonObject(input.metadata)) add('metadata', 'Give a JSON object.')
    else {
      try {
        metadata = toJsonText(input.metadata)
        if (byteLength(metadata) > longestMetadata) add('metadata', `At most ${longestMetadata} bytes.`)
      } catch (error) {
        add('metadata', error instanceof Error ? error.message : String(error))
      }
    }
  }
  return { metadata, issues }
}

const isName = (text: unknown) =>
  typeof text === 'string' && text.length >= 1 && text.length <= 200 && text.isWellFormed()

export const checkWait = (waitMs: number | undefined): readonly InputIssue[] =>
  waitMs === undefined || (Number.isInteger(waitMs) && waitMs >= 0 && waitMs <= longestWait)
    ? []
    : [{ path: ['waitMs'], message: `Give milliseconds from 0 to ${longestWait}.` }]
