import type { Agent, AgentTool } from '../agents/agent.ts'
import { type InputIssue, mostIssues } from '../agents/input-schema.ts'
import type { Limits } from '../engine.ts'
import type { DecisionInput } from '../inputs.ts'
import { byteLength, isJsonObject, type JsonText, mergeObjects, readJsonObject, toJson, toJsonText } from '../json.ts'
import { hidden, type SensitivePath } from '../sensitive.ts'
import type { PauseKind, Resolution } from '../store/records.ts'
import { type CheckedDecision, checkDecision, type GivenOutcome } from './decide.ts'
import { type Edited, readEditedArguments } from './edit-arguments.ts'
import { fingerprint } from './fingerprint.ts'
import { cannotTell, readHidden, shownIssues } from './hidden-input.ts'
import { sensitiveOf } from './shown.ts'

/** The call that is decided, as it was proposed. */
export type DecidedCall = {
  readonly agentName: string
  readonly toolName: string
  readonly kind: PauseKind
  readonly arguments: JsonText
  readonly sensitive: readonly SensitivePath[]
  readonly fingerprint: string
  /** Whether who decides may change the arguments. */
  readonly mayEdit: boolean
}

/** A decision as it is recorded. `fingerprint`: of what will run, when that is not what was proposed. */
export type ReadDecision = Pick<Resolution, 'message' | 'arguments' | 'values' | 'outcome' | 'fingerprint'> & {
  readonly verdict: CheckedDecision['verdict']
}
export type DecisionRead =
  | { readonly ok: true; readonly decision: ReadDecision }
  | { readonly ok: false; readonly issues: readonly InputIssue[] }

type Reader = { readonly agents: ReadonlyMap<string, Agent>; readonly settings: { readonly limits: Limits } }

/** Reads a decision on a call, as far as the tool's schema has a say in it: what is edited, filled in or brought from elsewhere must fit. */
export async function readDecision(
  { agents, settings: { limits } }: Reader,
  given: DecisionInput,
  call: DecidedCall,
): Promise<DecisionRead> {
  const checked = checkDecision(given, call)
  if (!checked.ok) return checked
  const { verdict, message, arguments: edited, values, outcome } = checked.decision
  const nothing = { verdict, message, arguments: null, values: null, outcome: null, fingerprint: null }
  if (outcome !== null) {
    const from = call.kind === 'RECONCILIATION' ? ['reconcile', 'happened'] : ['approve', 'outcome']
    const read = readOutcome(outcome, limits.result, from)
    return 'issues' in read ? refuse(read.issues) : { ok: true, decision: { ...nothing, outcome: read } }
  }
  if (edited === undefined && values === undefined) return { ok: true, decision: nothing }
  // Before anything is looked for in them.
  const long = Object.entries({ arguments: edited, values }).filter(([, part]) => isLonger(part, limits.arguments))
  if (long.length > 0) {
    const message = `At most ${limits.arguments} bytes.`
    return refuse(long.map(([part]) => ({ path: ['approve', part], message })))
  }

  const tool = agents.get(call.agentName)?.tools.get(call.toolName)
  // What was shown is bound to the schema it was shown with: a tool with another one cannot check what is given for it.
  if (!tool || fingerprint(tool.name, tool.schemaDigest, call.arguments) !== call.fingerprint) {
    const message = `The tool '${call.toolName}' is not there with the parameters it was proposed with: the call can be rejected, not completed or edited.`
    return refuse([{ path: ['approve', edited === undefined ? 'values' : 'arguments'], message }])
  }
  const sensitive = sensitiveOf(agents, call)
  const changed = edited === undefined ? null : await readEdit(tool, edited, { ...call, sensitive }, limits)
  if (changed && !changed.ok) return changed
  const text = changed && changed.text !== call.arguments ? changed.text : null
  const own = text ?? call.arguments
  const filled = values === undefined ? null : await readValues(tool, own, values, limits.arguments)
  if (filled && !filled.ok) {
    return { ok: false, issues: shownIssues(filled.issues, ['approve', 'values'], sensitive, values, own) }
  }
  const final = filled ? mergeObjects(own, filled.text) : own
  const print = final === call.arguments ? null : fingerprint(tool.name, tool.schemaDigest, final)
  return { ok: true, decision: { ...nothing, arguments: text, values: filled?.text ?? null, fingerprint: print } }
}

/** What is no JSON is refused by whoever reads it. */
function isLonger(given: unknown, limit: number): boolean {
  try {
    return byteLength(JSON.stringify(given) ?? '') > limit
  } catch {
    return false
  }
}

async function readEdit(
  tool: AgentTool,
  given: unknown,
  { arguments: proposed, sensitive }: DecidedCall,
  limits: Limits,
): Promise<Edited> {
  const at = ['approve', 'arguments']
  const { value, unknown } = readHidden(given, proposed, sensitive)
  if (unknown.length > 0) {
    return { ok: false, issues: unknown.slice(0, mostIssues).map((path) => cannotTell([...at, ...path])) }
  }
  const read = await readEditedArguments(tool.modelSchema, value, limits.arguments)
  return read.ok ? read : { ok: false, issues: shownIssues(read.issues, at, sensitive, value, proposed) }
}

type Values = { readonly ok: true; readonly text: JsonText } | { readonly ok: false; readonly issues: InputIssue[] }

/** The values of the fields that a person fills, as the tool's schema reads them; what the model set stays as it is. */
async function readValues(tool: AgentTool, own: JsonText, given: unknown, limit: number): Promise<Values> {
  const at = ['approve', 'values']
  const fields = tool.personFields?.fields ?? []
  try {
    const values = toJson(given)
    if (!isJsonObject(values)) return refuse([{ path: at, message: 'The values must be a JSON object.' }])
    if (JSON.stringify(values).includes(hidden)) return refuse([cannotTell(at)])
    const unknown = Object.keys(values).filter((field) => !fields.includes(field))
    if (unknown.length > 0) {
      return refuse(
        unknown
          .slice(0, mostIssues)
          .map((field) => ({ path: [...at, field], message: 'This is no field for a person to fill.' })),
      )
    }
    // What stands in a person's field of a record that somebody changed is no person's word.
    const set = Object.entries(readJsonObject(own)).filter(([field]) => !fields.includes(field))
    const parsed = await tool.schema.parse({ ...Object.fromEntries(set), ...values })
    if (!parsed.ok) return refuse(parsed.issues.map(({ path, message }) => ({ path: [...at, ...path], message })))
    const filled = fields.flatMap((field) => {
      const value = Object.hasOwn(parsed.value, field) ? parsed.value[field] : undefined
      return value === undefined ? [] : [[field, value]]
    })
    const text = toJsonText(Object.fromEntries(filled))
    if (byteLength(text) <= limit) return { ok: true, text }
    return refuse([{ path: at, message: `The values are longer than ${limit} bytes.` }])
  } catch (error) {
    return refuse([{ path: at, message: error instanceof Error ? error.message : String(error) }])
  }
}

function readOutcome(
  given: GivenOutcome,
  limit: number,
  from: readonly string[],
): NonNullable<Resolution['outcome']> | { issues: InputIssue[] } {
  if ('error' in given) return { error: given.error.toWellFormed() }
  const path = [...from, 'success', 'result']
  try {
    const result = toJsonText(given.result)
    if (byteLength(result) <= limit) return { result }
    return { issues: [{ path, message: `The result is longer than ${limit} bytes.` }] }
  } catch (error) {
    return { issues: [{ path, message: error instanceof Error ? error.message : String(error) }] }
  }
}

const refuse = (issues: InputIssue[]) => ({ ok: false, issues }) as const
