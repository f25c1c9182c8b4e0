import type { Agent } from '../agents/agent.ts'
import type { RunFailure } from '../store/records.ts'
import { type RunState, runningTime, transcriptSize } from './fold.ts'

/** What a run may take: as its agent says now, and its transcript in bytes. */
export type Budget = Pick<Agent, 'maxSteps' | 'maxTotalTokens' | 'timeoutMs'> & { readonly transcript: number }

/** Why the model is not asked again, if it is not. */
export function overspent(state: RunState, { maxSteps, maxTotalTokens, transcript }: Budget): RunFailure | null {
  const exceeded = (message: string): RunFailure => ({ code: 'LIMIT_EXCEEDED', message })
  if (state.turns.length >= maxSteps) return exceeded(`The model was asked ${maxSteps} times without coming to an end.`)
  if (maxTotalTokens !== null && state.tokens >= maxTotalTokens)
    return exceeded(`The run has taken ${state.tokens} tokens of ${maxTotalTokens} without coming to an end.`)
  return transcriptSize(state) > transcript
    ? exceeded(`The run's transcript is longer than ${transcript} bytes.`)
    : null
}

/** Why the run is over although it has not come to its end, if its time is. */
export const overtime = (state: RunState, { timeoutMs }: Budget, now: number): RunFailure | null =>
  timeoutMs !== null && runningTime(state, now) >= timeoutMs
    ? { code: 'TIMED_OUT', message: tookLonger('run', timeoutMs) }
    : null

/** When the time of a run is over, should it go on until then. */
export const endOfTime = ({ status, at, ranMs }: RunState, budget: Budget | null): number | null =>
  budget?.timeoutMs == null || status !== 'RUNNING' ? null : at + budget.timeoutMs - ranMs

export const tookLonger = (what: 'call' | 'run', ms: number) => `The ${what} took longer than ${ms / 1_000} seconds.`
