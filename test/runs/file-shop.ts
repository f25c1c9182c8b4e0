import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { openWorkplace, type Work, type Workplace } from './workshop.ts'

export type FileShop = Workplace & {
  /** Writes to the rows as somebody else's program does; gives how many it changed. */
  write(statement: string, ...values: SQLInputValue[]): number
}

/** A workplace on a store in a file, which somebody else may write to. */
export async function openFileShop(
  { agents, settings }: Omit<Work, 'store'>,
  { change = (store: Store) => store }: { change?: (store: Store) => Store } = {},
): Promise<FileShop> {
  await using stack = new AsyncDisposableStack()
  const path = join(stack.use(temporaryDirectory()).path, 'runs.db')
  const store = stack.use(await openSqliteStore({ path }))
  const shop = stack.use(await openWorkplace({ agents, store: change(store), ...(settings && { settings }) }))
  const owned = stack.move()
  return {
    ...shop,
    write(statement, ...values) {
      using database = new DatabaseSync(path, { timeout: 5_000 })
      return Number(database.prepare(statement).run(...values).changes)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
