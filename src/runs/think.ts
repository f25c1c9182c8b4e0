import type { LanguageModelV4Prompt } from '@ai-sdk/provider'
import type { Agent } from '../agents/agent.ts'
import { type Engine, largestPart } from '../engine.ts'
import { askModel } from './ask-model.ts'
import { ModelFailed } from './collect-answer.ts'
import { endRun, failed } from './ends.ts'
import { hidingTextOf } from './hide-text.ts'
import type { RunLease } from './lease.ts'
import { orAborted } from './or-aborted.ts'
import { propose } from './propose.ts'

/** Asks the model for its next answer and drafts it, with the calls it proposes and their approvals; or drafts the run's failure. */
export async function think(
  engine: Engine,
  lease: RunLease,
  agent: Agent,
  prompt: LanguageModelV4Prompt,
  abortSignal: AbortSignal,
): Promise<void> {
  const { store, settings, hub, log } = engine
  const { run, state } = lease
  const step = state.turns.length
  const onText = (offset: number, delta: string) =>
    hub.tellText({ runId: run.id, step, offset, delta, at: store.now() })
  const answer = async () => {
    const answered = await askModel(agent, prompt, {
      abortSignal,
      onText,
      limit: Math.min(settings.limits.transcript, largestPart),
    })
    const place = { run, seq: state.seq + 2, now: store.now(), limits: settings.limits, prompt }
    return { ...answered, proposal: await propose(agent, answered.toolCalls, place) }
  }
  try {
    const { content, text, usage, toolCalls, proposal } = await orAborted(answer(), abortSignal)
    if (abortSignal.aborted) return
    lease.draft({ type: 'model-responded', content, text, usage })
    if (toolCalls.length > 0)
      lease.draft({ type: 'proposed', calls: [...proposal.calls] }, { propose: proposal.approvals })
  } catch (error) {
    if (abortSignal.aborted) return
    if (!(error instanceof ModelFailed)) throw error
    // A provider may quote what it was sent.
    const hide = hidingTextOf(engine.agents, run, state, prompt)
    const told = new ModelFailed(hide(error.message.toWellFormed()))
    told.stack = hide(String((error.cause instanceof Error ? error.cause : error).stack))
    log.warn({ runId: run.id, err: told }, 'The model failed')
    endRun(lease, store.now(), failed('MODEL_ERROR', told.message))
  }
}
