import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A directory for a server, and the server itself, that go with their scope, or with this process, however it ends. */
export type KeptDirectory = AsyncDisposable & {
  readonly path: string
  /** From now on this process works in it; null: none does. */
  occupy(pid: number | null): void
}

// Who is killed runs no handler of its own. But what it writes to ends, and so a shell, in a session of its own that no Ctrl-C
// reaches, hears of it. It may be told of a process whose last file is still being written.
const keeper = `
  while read -r line; do pid=$line; done
  [ -z "$pid" ] || kill -9 "$pid"
  rm -rf "$0" || { sleep 1; rm -rf "$0"; }
`

/** @param prefix The beginning of its path; in the system's temporary directory when left out. */
export function keptDirectory(prefix = join(tmpdir(), 'countersign-')): KeptDirectory {
  const path = mkdtempSync(prefix)
  const child = spawn('/bin/sh', ['-c', keeper, path], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  const ended = once(child, 'exit')
  child.unref()
  return {
    path,
    occupy: (pid) => void child.stdin.write(`${pid ?? ''}\n`),
    async [Symbol.asyncDispose]() {
      child.ref()
      child.stdin.end()
      await ended
    },
  }
}
