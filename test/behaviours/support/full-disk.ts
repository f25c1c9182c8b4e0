import { DatabaseSync } from 'node:sqlite'

// A full disk, as SQLite shows it: the server's own connection may not take another page. Only the connection itself can be told
// so, and the server keeps it to itself; each call of it comes by here, and it is told then.

export type Disk = Disposable & {
  /** No more than `pages` are left to whoever has `path` open. */
  limit(path: string, pages: number): void
  /** There is room again. */
  free(path: string): void
}

/** From now on connections that begin a statement are known by their file. Node's own class is watched, nothing of ours. */
export function watchDisk(): Disk {
  const { prepare } = DatabaseSync.prototype
  const connections = new Map<string, DatabaseSync>()
  DatabaseSync.prototype.prepare = function (this: DatabaseSync, ...input) {
    const path = this.location()
    if (path !== null) connections.set(path, this)
    return prepare.apply(this, input)
  }
  const of = (path: string) => {
    const connection = connections.get(path)
    if (!connection) throw new Error(`Nobody has ${path} open`)
    return connection
  }
  return {
    limit(path, pages) {
      const { page_count } = prepare.call(of(path), 'PRAGMA page_count').get() ?? {}
      of(path).exec(`PRAGMA max_page_count = ${Number(page_count) + pages}`)
    },
    free: (path) => of(path).exec('PRAGMA max_page_count = 1073741823'),
    [Symbol.dispose]() {
      DatabaseSync.prototype.prepare = prepare
    },
  }
}
