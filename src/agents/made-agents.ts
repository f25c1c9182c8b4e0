import type { Agent } from './agent.ts'

/** What this copy of the package has checked: an agent of another copy has its tools behind another gate. */
const made = new WeakSet<object>()

export const isAgent = (value: unknown): value is Agent =>
  typeof value === 'object' && value !== null && made.has(value)

/** Only `defineAgent` says so. */
export const markMade = (agent: Agent): void => void made.add(agent)
