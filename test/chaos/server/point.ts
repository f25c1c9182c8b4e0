import { appendFileSync, readFileSync, statSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

// The fail points of a server process: each is a line in the file REACHED when a run first comes to it. The file STOPS says for each run (`*`: for
// any) at which points it stops, which is a line too: what kills the process then is another one.

const { REACHED = '', STOPS = '' } = process.env

const known = new Set<string>()

/** Whether anybody asks for the points: else nothing stands between the server and its work. */
export const isWatched = REACHED !== ''

export async function pass(point: string, run: string): Promise<void> {
  if (!isWatched) return
  const line = `${run}\t${point}`
  if (!known.has(line)) appendFileSync(REACHED, `${line}\n`)
  known.add(line)
  if (!isStop(point, run)) return
  appendFileSync(REACHED, `${line}\tstopped\n`)
  while (isStop(point, run)) await delay(500)
}

let stops: Record<string, readonly string[]> = {}
let asOf = ''

function isStop(point: string, run: string): boolean {
  const { ino, mtimeMs } = statSync(STOPS)
  if (asOf !== `${ino} ${mtimeMs}`) {
    stops = JSON.parse(readFileSync(STOPS, 'utf8'))
    asOf = `${ino} ${mtimeMs}`
  }
  return [run, '*'].some((name) => stops[name]?.includes(point))
}
