import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Agent } from '../agents/agent.ts'
import { CountersignError } from '../errors.ts'
import type { Config } from '../server/config.ts'

export type LoadedAgents = Disposable & {
  readonly agents: readonly Agent[]
  /** One line for each model that answers. */
  readonly models: readonly string[]
  /** The file of the demo's data, when these are the demo's agents. */
  readonly demoDatabase: string | null
}

/**
 * The agents of the module that AGENTS names, the demo's without. It exports them as `agents` or by default (one, an array, or an object of
 * them), or each by a name of its own.
 *
 * @throws CountersignError INVALID_CONFIGURATION when there is no such module or it exports none.
 */
export async function loadAgents(config: Config): Promise<LoadedAgents> {
  if (config.AGENTS === undefined) {
    const { demoAgents } = await import('../demo/agents.ts')
    const { demoDatabasePath } = await import('../demo/database.ts')
    const database = demoDatabasePath(config.database.url, config)
    const demo = demoAgents({ database, env: config })
    return {
      agents: demo.agents,
      models: [demo.modelNotice],
      demoDatabase: database,
      [Symbol.dispose]: () => demo[Symbol.dispose](),
    }
  }
  const agents = exportedAgents(await importAgents(config.AGENTS), config.AGENTS)
  const models = agents.map(({ name, model }) => `${name}: ${model.modelId} of ${model.provider}`)
  return { agents, models, demoDatabase: null, [Symbol.dispose]() {} }
}

async function importAgents(path: string): Promise<Record<string, unknown>> {
  const url = pathToFileURL(resolve(path)).href
  try {
    return await import(url)
  } catch (cause) {
    if (cause instanceof CountersignError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CountersignError('INVALID_CONFIGURATION', `AGENTS: ${path} cannot be loaded: ${reason}`, { cause })
  }
}

function exportedAgents(module: Record<string, unknown>, path: string): readonly Agent[] {
  const agents = listed(module.agents ?? module.default ?? Object.values(module).filter(isAgent))
  if (agents.length === 0 || !agents.every(isAgent)) {
    throw new CountersignError(
      'INVALID_CONFIGURATION',
      `AGENTS: ${path} must export what defineAgent gives: as \`agents\` or by default one agent, an array or an object of agents; or each by a name of its own.`,
    )
  }
  return agents
}

function listed(exported: unknown): readonly unknown[] {
  if (Array.isArray(exported)) return exported
  return isAgent(exported) || typeof exported !== 'object' || exported === null ? [exported] : Object.values(exported)
}

const isAgent = (value: unknown): value is Agent =>
  typeof value === 'object' &&
  value !== null &&
  'name' in value &&
  'model' in value &&
  'tools' in value &&
  value.tools instanceof Map
