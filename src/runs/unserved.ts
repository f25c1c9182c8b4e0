import type { Engine } from '../engine.ts'

const mostAgents = 20

/**
 * Tells in the log, once for each agent until it is served again, that runs have waited for two leases and nobody took them up: no server
 * that lives has their agent, or those that do have no room.
 */
export function unservedWatch({ store, agents, settings, log }: Pick<Engine, 'store' | 'agents' | 'settings' | 'log'>) {
  const patienceMs = 2 * settings.leaseMs
  // Whoever has them may be starting as well.
  const from = store.now() + patienceMs
  let told: ReadonlySet<string> = new Set()
  return async (): Promise<void> => {
    const now = store.now()
    if (now < from) return
    const found = await store.runs.unserved([...agents.keys()], now - patienceMs, mostAgents)
    for (const { agentName, id, since } of found) {
      if (!told.has(agentName))
        log.warn(
          { agentName, runId: id, since: new Date(since) },
          'Runs wait for an agent that this server does not have',
        )
    }
    told = new Set(found.map(({ agentName }) => agentName))
  }
}
