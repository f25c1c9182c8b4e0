import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Bench } from './child.ts'
import { engineFigures } from './engine.ts'
import { type Figure, fails, passes, table } from './figure.ts'
import { httpFigures } from './http.ts'
import { latencyFigures } from './latency.ts'
import { liveFigures } from './live.ts'

// npm run bench -- [--only engine,http,latency,live] [--cycles N] [--json FILE] [--profile DIR]

/** Whatever hangs then is killed. */
const longestMs = 170_000

const parts = { engine: engineFigures, http: httpFigures, latency: latencyFigures, live: liveFigures }
const isPart = (name: string): name is keyof typeof parts => name in parts

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: Object.keys(parts).join(',') },
    cycles: { type: 'string', default: '4000' },
    json: { type: 'string' },
    profile: { type: 'string' },
  },
})
const names = values.only.split(',')
const cycles = Number(values.cycles)
if (!names.every(isPart) || !Number.isInteger(cycles) || cycles < 32) {
  console.error(`--only takes ${Object.keys(parts).join(',')} or some of them, --cycles a number from 32.`)
  process.exit(1)
}

const directory = mkdtempSync(join(tmpdir(), 'countersign-bench-'))
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
let databases = 0
const bench: Bench = {
  cycles,
  profileTo: values.profile,
  signal: AbortSignal.timeout(longestMs),
  newDatabase: () => join(directory, `${++databases}.db`),
}

const busy = loadavg()[0]
const figures: Figure[] = []
for (const name of names) {
  console.error(`measuring ${name} …`)
  try {
    figures.push(...(await parts[name](bench)))
  } catch (error) {
    // What was killed makes its errors, and they are not the reason.
    console.error(bench.signal.aborted ? `The bench is ended: it took longer than ${longestMs / 1000} s.` : error)
    process.exit(1)
  }
}

const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version, platform: process.platform }
const at = new Date().toISOString()
const json = JSON.stringify(
  {
    at,
    machine,
    loadBefore: busy,
    cycles,
    figures: figures.map((figure) => ({
      ...figure,
      binds: figure.binds === true,
      pass: figure.bound ? passes(figure) : null,
    })),
  },
  null,
  2,
)
console.log(table(figures))
console.log(`\n${at}, Node ${machine.node}, ${machine.cores} × ${machine.cpu}, load before ${busy?.toFixed(1)}\n`)
if (values.json === undefined) console.log(json)
else writeFileSync(values.json, `${json}\n`)
// Not by itself: a connection that a client keeps open would hold the process.
process.exit(figures.some(fails) ? 1 : 0)
