import type { LanguageModelV4Prompt } from '@ai-sdk/provider'
import type { Agent } from '../../../src/agents/agent.ts'
import { defineAgent } from '../../../src/agents/define-agent.ts'
import { type ScriptedPart, scriptedModel } from '../../../src/agents/scripted-model.ts'
import type { JsonObject, JsonValue } from '../../../src/json.ts'
import type { News, Store } from '../../../src/store/store.ts'
import { openWorkplace, type Workplace } from '../../runs/workshop.ts'
import type { Ground } from './ground.ts'
import { type MortalStore, mortalStore } from './mortal-store.ts'
import { type ToolName, toolsFor } from './sequence-tools.ts'

/** What model and tools of an agent do, wherever it runs. */
export type Home = {
  speak(prompt: LanguageModelV4Prompt): Promise<readonly ScriptedPart[]>
  enter(
    tool: ToolName,
    input: JsonObject,
    options: { toolCallId: string; abortSignal: AbortSignal },
  ): Promise<JsonValue>
}

/** An engine on the database, as a process has it. */
export type Process = {
  readonly engine: Workplace['engine']
  readonly mortal: MortalStore
  /** The store itself: it answers also when the process is dead. */
  readonly raw: Store
  readonly errors: Workplace['errors']
  /** Lets what is under way finish, and goes. */
  close(): Promise<void>
  /** As SIGKILL does it: what it still does reaches neither database nor model nor tool, and what it was asked gets no answer. */
  kill(): Promise<void>
}

/** Of the processes' clock, in ms: long against every deadline, so that only a process that is dead loses its lease. */
export const leaseMs = 3_600_000

type Options = { readonly lag: () => number; readonly now: () => number; readonly hear: (news: News) => void }

export async function openProcess(ground: Ground, home: Home, { lag, now, hear }: Options): Promise<Process> {
  const raw = await ground.open()
  raw.changes(hear)
  const mortal = mortalStore(raw, { lag, now })
  const lent = lend({
    speak: (prompt) => (mortal.isDead ? never : home.speak(prompt)),
    enter: (...input) => (mortal.isDead ? never : home.enter(...input)),
  })
  const workplace = await openWorkplace({ agents: [lent.agent], store: mortal.store, settings: { leaseMs } })
  return {
    engine: workplace.engine,
    mortal,
    raw,
    errors: workplace.errors,
    async close() {
      await workplace[Symbol.asyncDispose]()
      mortal.die()
      await raw[Symbol.asyncDispose]()
      giveBack(lent)
    },
    async kill() {
      mortal.die()
      const { worker, hub } = workplace.engine
      bury(
        worker.stop(0).then(() => {
          hub[Symbol.dispose]()
          giveBack(lent)
        }),
      )
      await raw[Symbol.asyncDispose]()
    },
  }
}

const never = new Promise<never>(() => {})

// To define an agent takes longer than to play a whole sequence with it: it is lent to one process after the other.

type Lent = { readonly agent: Agent; home: Home | null }
const idle: Lent[] = []

function lend(home: Home): Lent {
  const lent = idle.pop() ?? newAgent()
  lent.home = home
  return lent
}

function giveBack(lent: Lent): void {
  lent.home = null
  idle.push(lent)
}

function newAgent(): Lent {
  const homeOf = (): Home => {
    if (!lent.home) throw new Error('This agent is with nobody.')
    return lent.home
  }
  const lent: Lent = {
    home: null,
    agent: defineAgent({
      name: 'agent',
      maxRetries: 0,
      model: scriptedModel((prompt) => homeOf().speak(prompt)),
      tools: toolsFor((...input) => homeOf().enter(...input)),
    }),
  }
  return lent
}

const burials = new Set<Promise<void>>()

function bury(burial: Promise<void>): void {
  const ended = burial.finally(() => burials.delete(ended))
  burials.add(ended)
}

/** Once all that was killed has come to rest. */
export const allBuried = (): Promise<unknown> => Promise.all(burials)
