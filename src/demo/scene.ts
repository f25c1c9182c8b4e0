import { type Api, connect } from './api.ts'
import type { AskedFragment, DecisionInput } from './generated/graphql.ts'
import { resolveApproval, startRun, watchPendingApprovals, watchRun } from './operations.ts'
import type { Printer } from './printer.ts'

/** The people of the story at one server, and what they do there. */
export class Scene implements AsyncDisposable {
  readonly #out: Printer
  readonly #riley: Api
  readonly #admins: readonly { readonly name: string; readonly api: Api }[]

  constructor(url: string, out: Printer) {
    this.#out = out
    this.#riley = connect(url, 'riley')
    this.#admins = ['Ada', 'Ben'].map((name) => ({ name, api: connect(url, name.toLowerCase()) }))
  }

  /** Ada's list of what is pending, live; it is attached when this returns. */
  async watchPending(): Promise<{ known: readonly AskedFragment[]; next(runId: string): Promise<AskedFragment> }> {
    const [ada] = this.#admins
    if (!ada) throw new Error('There is no admin.')
    const events = ada.api.watch(watchPendingApprovals, {})
    const { value: first } = await events.next()
    if (first?.pendingApprovals.__typename !== 'PendingApprovalsSnapshot')
      throw new Error('The subscription did not begin with a snapshot.')
    return {
      known: first.pendingApprovals.approvals,
      next: async (runId) => {
        for (;;) {
          const { value, done } = await events.next()
          if (done) throw new Error('The subscription ended.')
          const event = value.pendingApprovals
          if (event.__typename === 'PendingApprovalAdded' && event.approval.run.id === runId) return event.approval
        }
      },
    }
  }

  async start(message: string): Promise<string> {
    this.#out.line('Riley', `asks: "${message}"`)
    const { startRun: result } = await this.#riley.ask(startRun, { message })
    if (result.__typename !== 'StartRunSuccess') throw new Error(result.message)
    return result.run.id
  }

  /** Both admins decide at once; one of them wins, and the other is told what stands. */
  async decideAtOnce({ id, fingerprint }: AskedFragment, verb: string, decision: DecisionInput): Promise<void> {
    this.#out.line('Ada, Ben', `${verb}, both at once`)
    const answers = this.#admins.map(async ({ name, api }) => {
      const variables = { approvalId: id, fingerprint, decision, note: `${name} looked at it` }
      return { name, result: (await api.ask(resolveApproval, variables)).resolveApproval }
    })
    for (const { name, result } of await Promise.all(answers)) {
      switch (result.__typename) {
        case 'ResolveApprovalSuccess':
          this.#out.line(name, `decided: ${result.approval.status}`)
          break
        case 'ApprovalConflictError': {
          const { status, resolution } = result.approval
          this.#out.line(
            name,
            `is too late: what stands is ${status} by ${resolution?.resolvedBy?.name} ("${resolution?.note}")`,
          )
          break
        }
        default:
          throw new Error(result.message)
      }
    }
  }

  /** From here on the run holds nothing: no timer, no memory, no lease. */
  async untilPaused(runId: string): Promise<void> {
    for await (const { runEvents: event } of this.#riley.watch(watchRun, { runId })) {
      if (event.__typename === 'RunPaused') return this.#out.line('Run', 'is paused')
    }
    throw new Error('The run ended without a pause.')
  }

  /** Follows the run to its end. */
  async untilOver(runId: string, toolName: string): Promise<void> {
    for await (const { runEvents: event } of this.#riley.watch(watchRun, { runId })) {
      if (event.__typename === 'ToolCallFinished' && event.toolCall.toolName === toolName) {
        this.#out.line('Run', `goes on: ${toolName} ${event.toolCall.status}`)
      }
      if (event.__typename === 'RunCompleted') this.#out.line('Agent', event.output)
      if (event.__typename === 'RunFailed')
        throw new Error(`The run failed: ${event.error.code}, ${event.error.message}`)
    }
  }

  async [Symbol.asyncDispose]() {
    await Promise.all([this.#riley, ...this.#admins.map(({ api }) => api)].map((api) => api[Symbol.asyncDispose]()))
  }
}
