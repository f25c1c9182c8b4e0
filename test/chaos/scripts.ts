/** What there is to be called, and who has a say in it. */
export const toolNames = ['look', 'again', 'asked', 'pay', 'repay', 'mail', 'brief', 'delegate'] as const
export type ToolName = (typeof toolNames)[number]
/** What a person says of a call: yes, when nothing else is said. */
export type Say = 'yes' | 'no' | 'cancel' | 'nothing'
export type ScriptedCall = { readonly tool: ToolName; readonly say: Say }

/**
 * What the model of a run does: turns, parted by `/`, of calls such as `pay` or `pay:no`, and what people say of them. `look` may be made once, `again` again
 * with its id, `asked` is asked itself; `pay` and `repay` are the first two behind an approver, `mail` is `look` behind its requester, `brief` must be
 * approved within a second. `delegate` has an agent do what stands under its script.
 */
const scripts = {
  beside: 'look again asked pay / repay',
  two: 'pay pay:no',
  plain: 'mail / look',
  delegating: 'delegate / look',
  within: 'pay / again',
  late: 'brief:nothing',
  cancelled: 'repay pay:cancel',
  'cancelled within': 'delegate',
  'cancelling within': 'pay:cancel',
} as const
export type Script = keyof typeof scripts
/** Those that people start. */
export const startable = ['beside', 'two', 'plain', 'delegating', 'late', 'cancelled', 'cancelled within'] as const

/** The script of the agent that this one delegates to. */
export const withinOf = (script: Script): Script => (script === 'cancelled within' ? 'cancelling within' : 'within')

/** A run is told its name, by which everybody knows it, and its script. */
export const messageFor = (name: string, script: Script): string => `${name} ${script}`
export const nameOf = (message: string): string => message.split(' ', 1)[0] ?? ''
export const scriptOf = (message: string): Script => message.slice(nameOf(message).length + 1) as Script

export const turnsOf = (script: Script): readonly (readonly ScriptedCall[])[] =>
  scripts[script].split(' / ').map((turn) =>
    turn.split(' ').map((call) => {
      const [tool, say = 'yes'] = call.split(':')
      return { tool, say } as ScriptedCall
    }),
  )

/** How a run of this script ends, whatever dies meanwhile. */
export const endOf = (script: Script): 'COMPLETED' | 'CANCELLED' =>
  script.startsWith('cancel') ? 'CANCELLED' : 'COMPLETED'
