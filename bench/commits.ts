import { StatementSync } from 'node:sqlite'
import type { StoreKind } from './bench.ts'
import { onCommands, unitOf } from './commands.ts'
import { monotonicMs } from './monotonic.ts'

/**
 * From here on tells when a transaction is through that proposes an approval, in {@link monotonicMs}. The store tells nobody
 * outside the server. On MongoDB this takes a URL that is `monitored`.
 */
export const watchCommits: Readonly<Record<StoreKind, (tell: (committedAt: number) => void) => void>> = {
  sqlite(tell) {
    let proposes = false
    StatementSync.prototype.run = new Proxy(StatementSync.prototype.run, {
      apply(run, statement: StatementSync, values) {
        const result = Reflect.apply(run, statement, values)
        if (statement.sourceSQL.startsWith('INSERT INTO approvals')) proposes = true
        else if (proposes && statement.sourceSQL === 'COMMIT') {
          proposes = false
          tell(monotonicMs())
        }
        return result
      },
    })
  },
  mongodb(tell) {
    const proposing = new Set<string>()
    const committing = new Set<number>()
    onCommands({
      started({ command, requestId }) {
        if (command.insert === 'approvals') proposing.add(unitOf(command))
        else if (command.commitTransaction && proposing.delete(unitOf(command))) committing.add(requestId)
      },
      succeeded({ requestId }) {
        if (committing.delete(requestId)) tell(monotonicMs())
      },
    })
  },
}
