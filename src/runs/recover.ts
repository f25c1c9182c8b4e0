import type { Agent, AgentTool } from '../agents/agent.ts'
import type { Engine } from '../engine.ts'
import type { Call } from './fold.ts'
import type { RunLease } from './lease.ts'
import { findOut } from './make-call.ts'
import { recoveryOf } from './next.ts'
import { reconciliation } from './propose.ts'
import type { UnderWay } from './under-way.ts'

type Recovery = {
  readonly engine: Engine
  readonly lease: RunLease
  readonly agent: Agent
  /** A look-up goes on beside whatever else does. */
  readonly underWay: UnderWay
}

/** Drafts what becomes of calls that were begun by somebody who is gone, or finds it out. */
export function recover(calls: readonly Call[], recovery: Recovery): void {
  const { engine, lease, agent, underWay } = recovery
  for (const call of calls) {
    const { callId, toolName } = call.proposed
    const tool = agent.tools.get(toolName)
    const way = recoveryOf(call, tool, lease.run.fence)
    engine.log.warn({ runId: lease.run.id, callId, tool: toolName, way }, 'A call was cut off')
    if (way === 'repeat') lease.draft({ type: 'interrupted', callId, approvalId: null, didNotHappen: false })
    else if (way === 'look-up' && tool) underWay.begin(callId, lookUp(call, tool, recovery))
    else ask(call, tool, recovery)
  }
}

/** Asks a person whether it happened. */
function ask(call: Call, tool: AgentTool | undefined, { engine, lease }: Recovery): void {
  const record = reconciliation(lease.run, call, tool, engine.store.now())
  const { callId } = call.proposed
  lease.draft({ type: 'interrupted', callId, approvalId: record.id, didNotHappen: false }, { propose: [record] })
}

/** Asks the tool itself; what it cannot tell, a person is asked. */
async function lookUp(call: Call, tool: AgentTool, recovery: Recovery): Promise<void> {
  const { engine, lease, underWay } = recovery
  const abortSignal = underWay.asking
  const { callId } = call.proposed
  const found = await findOut(call, tool, { limit: engine.settings.limits.result, abortSignal })
  if (abortSignal.aborted) return
  if (found === 'unknown') ask(call, tool, recovery)
  else if (found === 'did-not-happen')
    lease.draft({ type: 'interrupted', callId, approvalId: null, didNotHappen: true })
  else lease.draft({ type: 'call-finished', callId, outcome: found, modelOutput: null })
}
