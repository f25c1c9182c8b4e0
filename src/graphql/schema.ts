import type { GraphQLSchema } from 'graphql'
import './agent.ts'
import './approval.ts'
import './approvals.ts'
import './call-events.ts'
import './count.ts'
import './pending-approvals.ts'
import './resolve-approval.ts'
import './reveal-argument.ts'
import './run.ts'
import './run-events.ts'
import './run-mutations.ts'
import './scalars.ts'
import './tool-call.ts'
import { builder } from './builder.ts'
import { denyUnmarked } from './default-deny.ts'

/** The API. It needs nothing to be made: engine and principal come with each request's context. */
export const schema: GraphQLSchema = denyUnmarked(builder.toSchema({ sortSchema: false }))
