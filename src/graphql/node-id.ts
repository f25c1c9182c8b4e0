import { GraphQLError } from 'graphql'
import { isApprovalId, isCallId, isRunId } from '../ids.ts'

/** What an id is of, by its prefix, and whether it is well-formed. */
const kinds = [
  { type: 'Run', prefix: 'run_', isId: isRunId },
  { type: 'Approval', prefix: 'apr_', isId: isApprovalId },
  { type: 'ToolCall', prefix: 'call_', isId: isCallId },
  { type: 'Agent', prefix: 'agt_', isId: (id: string) => id.length > 4 && id.length <= 260 },
  { type: 'Principal', prefix: 'prn_', isId: (id: string) => id.length > 4 && id.length <= 260 },
] as const

const kindOf = (id: string) => kinds.find(({ prefix }) => id.startsWith(prefix))

/** @throws GraphQLError BAD_USER_INPUT for what cannot be an id of ours. */
export function decodeNodeId(id: string): { typename: string; id: string } {
  const kind = kindOf(id)
  if (!kind?.isId(id)) {
    throw new GraphQLError(
      `'${id.slice(0, 60)}' is no id of this API. Ids begin with run_, apr_, call_, agt_ or prn_; send one as you got it.`,
      {
        extensions: { code: 'BAD_USER_INPUT' },
      },
    )
  }
  return { typename: kind.type, id }
}

/** The GraphQL type of something that was read by its id. Agents are kept by name, and have no id of their own. */
export const nodeTypeOf = (value: unknown): string | undefined =>
  typeof value === 'object' && value !== null && 'id' in value ? kindOf(String(value.id))?.type : 'Agent'

export const agentId = (name: string): string => `agt_${name}`
export const agentNameOf = (id: string): string => id.slice(4)
