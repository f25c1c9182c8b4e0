import type { GraphQLResolveInfo } from 'graphql'
import { audited } from '../access/audited.ts'
import type { Principal } from '../access/principal.ts'
import type { Engine } from '../engine.ts'
import type { GraphQLContext } from './context.ts'
import { forgetLoaded } from './loaders.ts'

/** A mutation: what comes after it in the document reads anew, and an audit finds it in the log. */
export function perform<Input, Result>(
  name: string,
  operation: (engine: Engine, principal: Principal, input: Input) => Promise<Result>,
  input: Input,
  { engine, principal, requestId }: GraphQLContext,
  info: GraphQLResolveInfo,
): Promise<Result> {
  forgetLoaded(info)
  return audited(engine.log, { operation: name, principal, requestId, input }, () =>
    operation(engine, principal, input),
  )
}
