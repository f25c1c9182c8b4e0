import SchemaBuilder from '@pothos/core'
import ComplexityPlugin from '@pothos/plugin-complexity'
import RelayPlugin from '@pothos/plugin-relay'
import ScopeAuthPlugin from '@pothos/plugin-scope-auth'
import { GraphQLError } from 'graphql'
import { maySeeApproval, maySeeRun } from '../access/rules.ts'
import { type Count, maxPageSize } from '../connection.ts'
import { CountersignError } from '../errors.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { ApprovalRecord, RunRecord } from '../store/records.ts'
import type { GraphQLContext } from './context.ts'
import { isPublic } from './default-deny.ts'
import { costError, costLimit } from './limits.ts'
import { decodeNodeId, nodeTypeOf } from './node-id.ts'

export type SchemaTypes = {
  Context: GraphQLContext
  AuthScopes: {
    /** What a field of Query, Mutation or Subscription asks for: the operation behind it asks the rest, since its answer says why not. */
    signedIn: boolean
    /** Whether this run may be seen, by whichever way it was come to. */
    run: RunRecord
    approval: ApprovalRecord
  }
  Connection: { readonly totalCount: () => Promise<Count> }
  DefaultFieldNullability: false
  DefaultEdgesNullability: { list: false; items: false }
  DefaultNodeNullability: false
  Scalars: {
    ID: { Input: string; Output: string }
    /** In ms since 1970. */
    DateTime: { Input: number; Output: number }
    JSON: { Input: JsonValue; Output: JsonValue }
    JSONObject: { Input: JsonObject; Output: JsonObject }
  }
}

const pageDescriptions = {
  first:
    'How many from the start of the list: 1 to 100. 20 when neither `first` nor `last` is given; both together are refused (BAD_USER_INPUT).',
  after: 'Only what comes after this cursor. A cursor of another list or order is refused (BAD_USER_INPUT).',
  last: 'How many from the end of the list: 1 to 100. Not together with `first`.',
  before: 'Only what comes before this cursor. A cursor of another list or order is refused (BAD_USER_INPUT).',
}

export const builder = new SchemaBuilder<SchemaTypes>({
  plugins: [ScopeAuthPlugin, RelayPlugin, ComplexityPlugin],
  defaultFieldNullability: false,
  scopeAuth: {
    // The server lets nobody in whom it does not know.
    authScopes: ({ principal }) => ({
      signedIn: principal !== undefined,
      run: (run) => maySeeRun(principal, run),
      approval: (approval) => maySeeApproval(principal, approval),
    }),
    authorizeOnSubscribe: true,
    unauthorizedError: (_parent, { principal }, { parentType, fieldName }) =>
      principal === undefined
        ? new GraphQLError('Say who you are.', { extensions: { code: 'UNAUTHENTICATED' } })
        : // Whatever was read was asked about before: this is our mistake, and nobody's answer.
          new Error(`${parentType.name}.${fieldName} came to what ${principal.id} may not see`),
  },
  complexity: { limit: { complexity: costLimit }, complexityError: costError, defaultListMultiplier: 5 },
  relay: {
    encodeGlobalID: (_typename, id) => String(id),
    decodeGlobalID: decodeNodeId,
    cursorType: 'String',
    // What is read is nobody's to mark: agents are frozen, and records may be shared. `resolveType` tells the types apart.
    brandLoadedObjects: false,
    idFieldOptions: {
      description:
        'Opaque, with a prefix that says what it is of, and the same everywhere: database, log, command line, library and API.',
    },
    nodeTypeOptions: {
      description: 'Something with an id by which it can be read again, with `node`.',
      resolveType: (value) => nodeTypeOf(value),
    },
    nodeQueryOptions: {
      authScopes: { signedIn: true },
      description: 'Reads anything by its id. Null when there is no such thing, or the viewer may not see it.',
      args: { id: { description: 'An id that this API gave. One that is none is refused (BAD_USER_INPUT).' } },
    },
    nodesQueryOptions: {
      authScopes: { signedIn: true },
      description:
        'Reads several things by their ids. The answer has one place for each id, in the order asked, with null as `node` has it.',
      args: {
        ids: {
          description:
            'Ids that this API gave, at most 100. One that is none is refused (BAD_USER_INPUT), and so are more.',
        },
      },
      complexity: ({ ids }: { ids: readonly unknown[] }) => ({ field: 1, multiplier: ids.length }),
      resolve(_root, { ids }, _context, _info, resolveNodes) {
        if (ids.length <= maxPageSize) return resolveNodes(ids)
        throw new CountersignError(
          'BAD_USER_INPUT',
          `\`ids\` has ${ids.length} ids, and at most ${maxPageSize} are taken at once.`,
        )
      },
    },
    pageInfoTypeOptions: { extensions: isPublic, description: 'Where a page stands in its list.' },
    hasNextPageFieldOptions: { description: 'Whether the list goes on after this page.' },
    hasPreviousPageFieldOptions: { description: 'Whether the list has something before this page.' },
    startCursorFieldOptions: { description: "The first edge's cursor; null on an empty page." },
    endCursorFieldOptions: {
      description: "The last edge's cursor, for `after` of the next page; null on an empty page.",
    },
    pageInfoFieldOptions: { description: 'Where this page stands in the list.' },
    edgesFieldOptions: { description: 'What is on this page, in order.', complexity: { field: 1, multiplier: 1 } },
    nodeFieldOptions: { description: 'What stands at this place.' },
    cursorFieldOptions: { description: 'The place in the list, for `after` and `before`. Opaque.' },
    firstArgOptions: { description: pageDescriptions.first },
    afterArgOptions: { description: pageDescriptions.after },
    lastArgOptions: { description: pageDescriptions.last },
    beforeArgOptions: { description: pageDescriptions.before },
    defaultConnectionFieldOptions: {
      complexity: ({ first, last }: { first?: number | null; last?: number | null }) => ({
        field: 1,
        multiplier: first ?? last ?? 20,
      }),
    },
  },
})

builder.queryType({
  description:
    'What can be read. Everything stays inside the tenant of who asks, and what one may not see is not there.',
})
builder.mutationType({
  description:
    'What can be done. Each answers a union, told apart by `__typename`: what a caller can cause and handle is an answer and no error.',
})
builder.subscriptionType({
  description: 'What can be watched, over WebSocket (graphql-transport-ws) or Server-Sent Events.',
})
