import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { openDemoDatabase } from './database.ts'
import type { AskedFragment } from './generated/graphql.ts'
import { createPrinter, type Printer } from './printer.ts'
import { Scene } from './scene.ts'
import { startServerProcess } from './server-process.ts'

/**
 * Plays what this package promises, over the real API on a temporary database: a deletion is approved, another is rejected, and a third
 * outlives a crash of the server between pause and decision.
 *
 * @returns the exit code: 0 only if the rows in the database say that what was approved happened, and nothing else.
 */
export async function playStory(stream: NodeJS.WritableStream = process.stdout): Promise<number> {
  const out = createPrinter(stream)
  try {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'countersign-story-'))
    await play(folder.path, out)
    out.title('The rows say so: what was approved was done, what was rejected was not, and a crash lost nothing.')
    return 0
  } catch (error) {
    out.title(`The story failed: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  }
}

const tool = 'delete_user_data'

async function play(folder: string, out: Printer): Promise<void> {
  const shopFile = join(folder, 'shop.db')
  using shop = openDemoDatabase(shopFile)
  const startServer = () => startServerProcess(join(folder, 'countersign.db'), shopFile)
  out.title('Riley asks an agent to delete data; Ada and Ben decide. (Scripted model, real server, real rows.)')
  let crashed: AskedFragment
  {
    await using server = await startServer()
    out.line('Server', `listens at ${server.url}, process ${server.pid}`)
    await using scene = new Scene(server.url, out)

    out.title('Act 1: approved')
    const first = await propose(scene, shop, 'u_42', out)
    await scene.decideAtOnce(first, 'approve', { approve: {} })
    await scene.untilOver(first.run.id, tool)
    checkRows(shop, 'u_42', 'gone', out)

    out.title('Act 2: rejected')
    const second = await propose(scene, shop, 'u_3', out)
    await scene.decideAtOnce(second, 'reject', { reject: { message: 'There is an open complaint.' } })
    await scene.untilOver(second.run.id, tool)
    checkRows(shop, 'u_3', 'there', out)

    out.title('Act 3: a crash between pause and decision')
    crashed = await propose(scene, shop, 'u_6', out)
    await server.kill()
    out.line('Server', 'is killed (SIGKILL)')
  }
  await using server = await startServer()
  out.line('Server', `starts again on the same files, process ${server.pid}`)
  await using scene = new Scene(server.url, out)
  const { known } = await scene.watchPending()
  const pending = known.find(({ id }) => id === crashed.id)
  if (!pending || known.length !== 1)
    throw new Error('The approval that was pending before the crash is not there after it.')
  out.line('Ada', `still has it on her list: ${describe(pending)}`)
  await scene.decideAtOnce(pending, 'approve', { approve: {} })
  await scene.untilOver(pending.run.id, tool)
  checkRows(shop, 'u_6', 'gone', out)
}

/** Riley's request, up to the pause, with the approval on Ada's list. */
async function propose(scene: Scene, shop: DatabaseSync, userId: string, out: Printer): Promise<AskedFragment> {
  const list = await scene.watchPending()
  const runId = await scene.start(`Delete all data for user ${userId}`)
  const approval = await list.next(runId)
  out.line('Ada', `sees it arrive: ${describe(approval)}`)
  await scene.untilPaused(runId)
  checkRows(shop, userId, 'there', out)
  return approval
}

const describe = ({ toolName, arguments: input, requestedBy }: AskedFragment) =>
  `${toolName} ${JSON.stringify(input)}, asked by ${requestedBy.name}`

/** Looks into the database itself, past everything that says what it did. */
function checkRows(shop: DatabaseSync, userId: string, expected: 'there' | 'gone', out: Printer): void {
  const count = (table: string, column: string) =>
    Number(shop.prepare(`SELECT count(*) AS n FROM ${table} WHERE ${column} = ?`).get(userId)?.n)
  const users = count('users', 'id')
  const orders = count('orders', 'user_id')
  out.line('Rows', `of ${userId}: ${users} user${users === 1 ? '' : 's'}, ${orders} orders`)
  const right = expected === 'gone' ? users === 0 && orders === 0 : users === 1 && orders > 0
  if (!right) throw new Error(`the rows of ${userId} should be ${expected}.`)
}
