import { z } from 'zod'

/** What the calls of {@link pauses} are made with; for user input the person fills in the euros. */
export const inputSchema = z.object({ to: z.string(), euros: z.number() })
export const input = { to: 'Riley', euros: 5 }

/** The three pauses: what a tool says to have it, and an approval that fits. */
export const pauses = {
  confirmation: { fields: { pause: 'confirmation' }, approve: {} },
  'user-input': {
    fields: { pause: 'user-input', userInput: ['euros'] },
    approve: { values: { euros: 50 } },
  },
  'external-execution': {
    fields: { pause: 'external-execution', execute: undefined },
    approve: { outcome: { success: { result: 'paid' } } },
  },
} as const
export type Pause = keyof typeof pauses
export const eachPause = Object.keys(pauses) as Pause[]
/** As the API names it. */
export const kindOf = (pause: Pause): string => pause.replace('-', '_').toUpperCase()
