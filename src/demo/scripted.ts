import type { JSONValue, LanguageModelV4Prompt, LanguageModelV4ToolResultPart } from '@ai-sdk/provider'
import { lastUserIndex, scriptedModel, turnOf } from '../agents/scripted-model.ts'
import { isJsonObject, type JsonObject } from '../json.ts'
import { type DemoRequest, readRequests } from './requests.ts'

/** The demo's model when no provider is configured: it reads requests by rules and says that it does. */
export const scriptedDemoModel = scriptedModel((prompt) => {
  const requests = readRequests(requestText(prompt))
  if (requests.length === 0) return [{ text: help }]
  const { lookups, actions } = plan(requests)
  const results = resultsSince(prompt)
  // Nothing is proposed for users that are not there. Results come in the order of the calls.
  const missing = new Set(
    lookups.filter((_, index) => results[index] && isError(results[index])).map(({ input }) => input.userId),
  )
  const sensible = actions.filter(({ input }) => !('userId' in input && missing.has(input.userId)))
  const calls = [lookups, sensible].filter((turn) => turn.length > 0)[turnOf(prompt)]
  if (calls) return [{ text: announce(calls) }, ...calls.map(({ tool, input }) => ({ call: tool, input }))]
  const wanted = requests.some(({ tool }) => tool === 'lookup_user')
  const told = results.filter((part) => part.toolName !== 'lookup_user' || wanted || isError(part))
  return [{ text: `${told.map(report).join(' ')} (scripted demo model)` }]
})

const help = `I am the scripted demo model: no language model is connected, and I follow a few rules. I understand, also several joined by "and":
- Delete all data for user u_42
- Refund order o_1001 because it arrived broken
- Create a voucher for u_9 because the parcel was late
- Email u_7: your parcel is on its way
- Look up user u_3
Set OPENAI_API_KEY, ANTHROPIC_API_KEY or OPENAI_BASE_URL to have a language model answer.`

const requestText = (prompt: LanguageModelV4Prompt): string => {
  const message = prompt[lastUserIndex(prompt)]
  if (message?.role !== 'user') return ''
  return message.content.map((part) => (part.type === 'text' ? part.text : '')).join('\n')
}

type Lookup = Extract<DemoRequest, { tool: 'lookup_user' }>

/** Whoever is to be deleted is looked up first; everything else goes into one turn. */
function plan(requests: readonly DemoRequest[]) {
  const lookups = requests
    .filter(({ tool }) => tool === 'lookup_user' || tool === 'delete_user_data')
    .map(({ input }) => ({ tool: 'lookup_user', input }) as Lookup)
  return { lookups, actions: requests.filter(({ tool }) => tool !== 'lookup_user') }
}

const resultsSince = (prompt: LanguageModelV4Prompt): readonly LanguageModelV4ToolResultPart[] =>
  prompt
    .slice(lastUserIndex(prompt) + 1)
    .flatMap((message) =>
      message.role === 'tool' ? message.content.filter((part) => part.type === 'tool-result') : [],
    )

const isError = ({ output }: LanguageModelV4ToolResultPart) =>
  output.type.startsWith('error') || output.type === 'execution-denied'

const announce = (calls: readonly DemoRequest[]): string =>
  calls.every(({ tool }) => tool === 'lookup_user')
    ? 'I look this up first.'
    : 'I propose the following; people decide whether it is done.'

/** What a call came to, told from its result alone: an approver may have changed its arguments. */
function report(part: LanguageModelV4ToolResultPart): string {
  const { toolName, output } = part
  if (output.type === 'execution-denied') return `Not done: ${toolName}. ${output.reason ?? ''}`.trim()
  if (output.type === 'content') return `Done: ${toolName}.`
  if (isError(part))
    return `Not done: ${toolName}. ${typeof output.value === 'string' ? output.value : JSON.stringify(output.value)}`
  const value = resultOf(output.value)
  switch (toolName) {
    case 'lookup_user':
      return `${value.id} is ${value.name}, ${value.email}, with ${Array.isArray(value.orders) ? value.orders.length : 'no'} orders.`
    case 'delete_user_data':
      return `Done: ${value.name} (${value.userId}) is deleted, with ${value.deletedOrders} orders.`
    case 'refund_order':
      return `Done: order ${value.orderId} is refunded, ${(Number(value.refundedCents) / 100).toFixed(2)} to ${value.userId}.`
    case 'create_voucher':
      return `Done: voucher ${value.code} over ${(Number(value.cents) / 100).toFixed(2)} for ${value.userId}, valid for ${value.validDays} days.`
    default:
      return `Done: the email to ${value.userId} (${value.sentTo}) is in the outbox.`
  }
}

/** A result that came with a note on edited arguments has it one level down. */
function resultOf(value: JSONValue | undefined): JsonObject {
  if (!isJsonObject(value)) return {}
  return 'note' in value && isJsonObject(value.result) ? value.result : value
}
