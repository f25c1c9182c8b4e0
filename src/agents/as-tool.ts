import { z } from 'zod'
import type { Agent } from './agent.ts'
import { tool } from './tool.ts'

/** What a tool brings along whose calls are runs of an agent. */
export const agentOfTool = Symbol('agentOfTool')

/** What an agent is given. */
export const messageSchema = z.object({
  message: z.string().min(1).describe('What to ask; it knows nothing of this conversation but what you tell it.'),
})

/**
 * An agent as a tool of another: a call gives it a message, and its last word is the result. The call is a run of its own, of the same
 * requester; while that waits for a person, so does the run that asked for it. The inner agent can be started by itself only if the server is
 * given it as well. Spread it to put a gate before it.
 *
 * @param description What the outer model is told it does; the agent's own description when left out.
 * @example
 * const support = defineAgent({
 *   name: 'support',
 *   model,
 *   tools: { ask_billing: asTool(billing), ask_legal: { ...asTool(legal), approval: 'required' } },
 * })
 */
export const asTool = (agent: Agent, { description }: { description?: string } = {}) => ({
  ...tool({
    // Where modules import each other in a circle it is not there yet: `defineAgent` says so, and of which tool.
    description: description ?? agent?.description ?? `Asks the agent ${agent?.name}, which answers with a text.`,
    inputSchema: messageSchema,
  }),
  [agentOfTool]: agent ?? null,
})
