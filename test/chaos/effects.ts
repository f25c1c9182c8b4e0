import { appendFileSync, readFileSync } from 'node:fs'
import type { ToolName } from './scripts.ts'

// What tools do to the world: lines of a file that only ever grows, each with the call that wrote it.

export type Effect = { readonly callId: string; readonly tool: ToolName }

export const haveEffect = (path: string, { callId, tool }: Effect): void => appendFileSync(path, `${callId} ${tool}\n`)

export const readEffects = (path: string): Effect[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [callId = '', tool] = line.split(' ')
      return { callId, tool: tool as ToolName }
    })

export const isMade = (path: string, callId: string): boolean =>
  readEffects(path).some((effect) => effect.callId === callId)
