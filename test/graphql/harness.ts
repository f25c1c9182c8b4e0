import { type ExecutionResult, execute, type GraphQLError, subscribe, validate } from 'graphql'
import pino from 'pino'
import { z } from 'zod'
import type { Principal } from '../../src/access/principal.ts'
import { defineAgent } from '../../src/agents/define-agent.ts'
import { scriptedModel } from '../../src/agents/scripted-model.ts'
import { tool } from '../../src/agents/tool.ts'
import { defaultSettings, type Engine } from '../../src/engine.ts'
import type { GraphQLContext } from '../../src/graphql/context.ts'
import { parseDocument } from '../../src/graphql/limits.ts'
import { schema } from '../../src/graphql/schema.ts'
import { createWorker } from '../../src/runs/worker.ts'
import { openScene, principal, type Scene } from '../live/scene.ts'

export { answer, approver, decide, decided, principal, requester } from '../live/scene.ts'
export const auditor = principal('otto', 'AUDITOR')
export const admin = principal('ada', 'ADMIN')
/** Somebody of the same name and all rights, elsewhere. */
export const stranger: Principal = { ...admin, tenant: 'elsewhere' }

// biome-ignore lint/suspicious/noExplicitAny: answers of many shapes
type Any = any

/** The schema on a store of its own, without a server: no run is worked on, tests write the journals. */
export type Harness = Scene & {
  readonly engine: Engine
  run(document: string, variables?: Record<string, unknown>, as?: Principal): Promise<ExecutionResult<Any>>
  data(document: string, variables?: Record<string, unknown>, as?: Principal): Promise<Any>
  watch(
    document: string,
    variables?: Record<string, unknown>,
    as?: Principal,
  ): Promise<AsyncGenerator<ExecutionResult<Any>>>
}

const support = defineAgent({
  name: 'support',
  description: 'Helps customers.',
  model: scriptedModel([{ text: 'Hello' }]),
  tools: {
    delete_user_data: tool({
      description: 'Deletes.',
      inputSchema: z.object({ userId: z.string() }),
      approval: 'required',
      destructive: true,
      execute: async () => 'gone',
    }),
    lookup_user: tool({ inputSchema: z.object({ userId: z.string() }), execute: async () => null }),
  },
})

export async function openHarness(settings: Partial<Engine['settings']> = {}): Promise<Harness> {
  const scene = await openScene()
  const parts = {
    store: scene.store,
    hub: scene.hub,
    agents: new Map([[support.name, support]]),
    offered: new Set([support.name]),
    settings: { ...defaultSettings, ...settings },
    log: pino({ enabled: false }),
  }
  const engine: Engine = { ...parts, worker: createWorker(parts) }
  const request = (text: string, variableValues: Record<string, unknown>, as: Principal) => {
    const document = parseDocument(text)
    const contextValue: GraphQLContext = { engine, principal: as, requestId: 'req_1', countStart() {} }
    return { errors: validate(schema, document), args: { schema, document, variableValues, contextValue } }
  }
  const harness: Harness = {
    ...scene,
    engine,
    async run(text, variables = {}, as = admin) {
      const { errors, args } = request(text, variables, as)
      return errors.length > 0 ? { errors } : execute(args)
    },
    async data(text, variables, as) {
      const { data, errors } = await harness.run(text, variables, as)
      if (errors) throw failure(errors)
      return data
    },
    async watch(text, variables = {}, as = admin) {
      const { errors, args } = request(text, variables, as)
      if (errors.length > 0) throw failure(errors)
      const result = await subscribe(args)
      if ('errors' in result) throw failure(result.errors ?? [])
      return result as AsyncGenerator<ExecutionResult>
    },
    async [Symbol.asyncDispose]() {
      await engine.worker.stop(0)
      await scene[Symbol.asyncDispose]()
    },
  }
  return harness
}

const failure = (errors: readonly GraphQLError[]) =>
  errors.length === 1
    ? (errors[0] as GraphQLError)
    : new AggregateError(errors, errors.map(({ message }) => message).join('; '))
