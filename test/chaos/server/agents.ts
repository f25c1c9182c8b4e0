import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { asTool } from '../../../src/agents/as-tool.ts'
import { defineAgent } from '../../../src/agents/define-agent.ts'
import { scriptedModel, turnOf } from '../../../src/agents/scripted-model.ts'
import { tool } from '../../../src/agents/tool.ts'
import { messageOf } from '../../behaviours/support/agents.ts'
import { haveEffect, isMade } from '../effects.ts'
import { messageFor, nameOf, scriptOf, type ToolName, turnsOf, withinOf } from '../scripts.ts'
import { isWatched, pass } from './point.ts'

// The agents of the servers that are killed. All they do follows from the message that a run is started with.

const { EFFECTS = '' } = process.env
const inputSchema = z.object({ run: z.string(), say: z.string() })

/** Its effect comes in the tick that enters it: somebody who falls asleep in between could do it long after all have looked whether it was done. */
const leavingAMark = (name: ToolName) => ({
  inputSchema,
  async execute({ run }: z.infer<typeof inputSchema>, { toolCallId }: { readonly toolCallId: string }) {
    if (isWatched) await pass(`${name} before its effect`, run)
    haveEffect(EFFECTS, { callId: toolCallId, tool: name })
    await pass(`${name} after its effect`, run)
    await delay(2)
    return { made: toolCallId }
  },
})

const look = leavingAMark('look')
const tools = {
  look: tool(look),
  again: tool({ ...leavingAMark('again'), idempotent: true }),
  asked: tool({
    ...leavingAMark('asked'),
    async reconcile({ run }, { toolCallId }) {
      await pass('asked before it looks', run)
      const happened = isMade(EFFECTS, toolCallId)
      await pass('asked after it looked', run)
      return happened ? { happened, result: { made: toolCallId } } : { happened }
    },
  }),
  pay: tool({ ...leavingAMark('pay'), approval: 'required' }),
  repay: tool({ ...leavingAMark('repay'), approval: 'required', idempotent: true }),
  mail: tool({ ...leavingAMark('mail'), pause: 'confirmation' }),
  brief: tool({ ...leavingAMark('brief'), approval: { type: 'required', expiresIn: '1s' } }),
}

const model = (prefix: string) =>
  scriptedModel(async (prompt) => {
    const message = messageOf(prompt)
    const [run, turn] = [nameOf(message), turnOf(prompt)]
    await pass(`${prefix}model before answer ${turn}`, run)
    const calls = turnsOf(scriptOf(message))[turn]?.map(({ tool, say }) => {
      const input = tool === 'delegate' ? { message: messageFor(run, withinOf(scriptOf(message))) } : { run, say }
      return { call: tool, input }
    })
    await pass(`${prefix}model after answer ${turn}`, run)
    return calls ?? [{ text: 'Done.' }]
  })

const inner = defineAgent({ name: 'inner', model: model('inner: '), tools })
export const agents = [defineAgent({ name: 'agent', model: model(''), tools: { ...tools, delegate: asTool(inner) } })]
