import { roles } from '../../src/access/principal.ts'

// Who may what. docs/security.md has the same rows, and table.test.ts asks for every cell.
export const table = `
| operation                                                                  | on                               | REQUESTER | APPROVER | AUDITOR | ADMIN | no role |
| -------------------------------------------------------------------------- | -------------------------------- | --------- | -------- | ------- | ----- | ------- |
| viewer, agents, agent                                                      |                                  | yes       | yes      | yes     | yes   | yes     |
| startRun                                                                   |                                  | yes       | no       | no      | yes   | no      |
| continueRun, cancelRun                                                     | own run                          | yes       | no       | no      | yes   | -       |
| continueRun, cancelRun                                                     | another's run                    | -         | no       | no      | yes   | -       |
| continueRun, cancelRun                                                     | another's run without approvals  | -         | -        | no      | yes   | -       |
| continueRun, cancelRun                                                     | another tenant's run             | -         | -        | -       | -     | -       |
| run, runs, node, nodes, runEvents (live)                                   | own run                          | yes       | yes      | yes     | yes   | -       |
| run, runs, node, nodes, runEvents (live)                                   | another's run                    | -         | yes      | yes     | yes   | -       |
| run, runs, node, nodes, runEvents (live)                                   | another's run without approvals  | -         | -        | yes     | yes   | -       |
| run, runs, node, nodes, runEvents (live)                                   | another tenant's run             | -         | -        | -       | -     | -       |
| approval, approvals, approval (live), pendingApprovals (live), node, nodes | approval of own run              | yes       | yes      | yes     | yes   | -       |
| approval, approvals, approval (live), pendingApprovals (live), node, nodes | approval of another's run        | -         | yes      | yes     | yes   | -       |
| approval, approvals, approval (live), pendingApprovals (live), node, nodes | approval of another tenant's run | -         | -        | -       | -     | -       |
| resolveApproval, revealArgument                                            | approval of own run              | no        | no       | no      | no    | -       |
| resolveApproval, revealArgument                                            | approval of another's run        | -         | yes      | no      | yes   | -       |
| resolveApproval, revealArgument                                            | approval of another tenant's run | -         | -        | -       | -     | -       |
`

export const whoever = [...roles, 'no role'] as const
export type Whoever = (typeof whoever)[number]
/** `yes`; `no`, with a ForbiddenError; or `-`: the answer is that there is no such thing. */
const cell = /^(yes|no|-)$/
export type Row = { readonly operation: string; readonly on: string; readonly cells: readonly string[] }

/** The rows of a table in Markdown, one for each operation; how it is laid out does not count. */
export function rowsOf(markdown: string): Row[] {
  const lines = markdown.split('\n').map((line) => line.split('|').map((text) => text.replaceAll('`', '').trim()))
  return lines.flatMap(([, operations = '', on = '', ...rest]) => {
    const cells = rest.slice(0, whoever.length)
    const isRow = cells.length === whoever.length && cells.every((text) => cell.test(text))
    return isRow ? operations.split(', ').map((operation) => ({ operation, on, cells })) : []
  })
}

/** For a failure that can be read. */
export const lineOf = ({ operation, on, cells }: Row): string =>
  `${operation}${on && ` on ${on}`}: ${whoever.map((who, at) => `${who} ${cells[at]}`).join(', ')}`
