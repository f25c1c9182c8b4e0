import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { accessFigures } from './access.ts'
import type { Bench, StoreKind } from './bench.ts'
import { consoleFigures } from './console.ts'
import { openDatabases } from './databases.ts'
import { deadlineFigures } from './deadlines.ts'
import { type Figure, fails, passes, table } from './figure.ts'
import { httpFigures } from './http.ts'
import { latencyFigures } from './latency.ts'
import { listsFigures } from './lists.ts'
import { liveFigures } from './live.ts'
import { memoryFigures } from './memory.ts'
import { mongodbEngineFigures } from './mongodb-engine.ts'
import { raceFigures } from './race.ts'
import { recoveryFigures } from './recovery.ts'
import { sqliteEngineFigures } from './sqlite-engine.ts'

// npm run bench -- [--store sqlite|mongodb] [--only engine,http,…] [--cycles N] [--many N] [--quick] [--json FILE] [--profile DIR]

type Part = (bench: Bench) => Promise<Figure[]>
type Parts = Readonly<Record<string, Part>>

const common: Parts = {
  access: accessFigures,
  deadlines: deadlineFigures,
  http: httpFigures,
  latency: latencyFigures,
  live: liveFigures,
  lists: listsFigures,
  memory: memoryFigures,
  recovery: recoveryFigures,
}
const partsOf: Readonly<Record<StoreKind, Parts>> = {
  sqlite: { engine: sqliteEngineFigures, ...common },
  mongodb: { engine: mongodbEngineFigures, race: raceFigures, console: consoleFigures, ...common },
}

/** Whatever hangs then is killed. */
const longestMs: Readonly<Record<StoreKind, number>> = { sqlite: 300_000, mongodb: 660_000 }

const { values } = parseArgs({
  options: {
    store: { type: 'string', default: 'sqlite' },
    only: { type: 'string' },
    cycles: { type: 'string' },
    quick: { type: 'boolean', default: false },
    many: { type: 'string' },
    json: { type: 'string' },
    profile: { type: 'string' },
  },
})
const { store, quick } = values
if (store !== 'sqlite' && store !== 'mongodb') refuse('--store takes sqlite or mongodb.')
const parts = partsOf[store]
const names = values.only?.split(',') ?? Object.keys(parts)
const cycles = Number(values.cycles ?? (quick ? 400 : 4_000))
const many = values.many === undefined ? undefined : Number(values.many)
if (many !== undefined && !(Number.isInteger(many) && many >= 1_000)) refuse('--many takes a number from 1000.')
if (!names.every((name) => Object.hasOwn(parts, name)) || !Number.isInteger(cycles) || cycles < 32) {
  refuse(`--only takes ${Object.keys(parts).join(',')} or some of them, --cycles a number from 32.`)
}

const directory = mkdtempSync(join(tmpdir(), 'countersign-bench-'))
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
const endAfterMs = many === undefined ? longestMs[store] : 3_600_000
const signal = AbortSignal.timeout(endAfterMs)
const busy = loadavg()[0]
const figures: Figure[] = []
try {
  await using databases = await openDatabases[store](directory)
  console.log(`Database: ${databases.description}\n`)
  await measure(sizesFor(databases))
} catch (error) {
  // What was killed makes its errors, and they are not the reason.
  console.error(signal.aborted ? `The bench is ended: it took longer than ${endAfterMs / 1000} s.` : error)
  process.exit(1)
}
report()
// Not by itself: a connection that a client keeps open would hold the process.
process.exit(figures.some(fails) ? 1 : 0)

function sizesFor({ isReal, newDatabase }: Pick<Bench, 'isReal' | 'newDatabase'>): Bench {
  // SQLite is quick enough to be given its cycles; a server may be anything.
  const load = { most: cycles, ...(store === 'mongodb' && { forMs: quick ? 3_000 : 12_000 }) }
  const common = {
    store: store as StoreKind,
    isReal,
    newDatabase,
    load,
    consoles: quick ? 1_000 : 10_000,
    profileTo: values.profile,
    signal,
  }
  if (many !== undefined) return { ...common, pending: many, paused: many }
  if (quick) return { ...common, pending: 2_000, paused: 2_000 }
  // Where a stand-in sorts them all for each list, more would say no more.
  if (!isReal) return { ...common, pending: 10_000, paused: 10_000 }
  return { ...common, pending: store === 'mongodb' ? 1_000_000 : 100_000, paused: 100_000 }
}

async function measure(bench: Bench): Promise<void> {
  for (const name of names) {
    console.error(`measuring ${name} …`)
    const began = performance.now()
    figures.push(...((await parts[name]?.(bench)) ?? []))
    console.error(`… ${Math.round((performance.now() - began) / 1000)} s`)
  }
}

function report(): void {
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version, platform: process.platform }
  const at = new Date().toISOString()
  const judged = figures.map((figure) => ({
    ...figure,
    binds: figure.binds === true,
    pass: figure.bound ? passes(figure) : null,
  }))
  const json = JSON.stringify({ at, store, quick, machine, loadBefore: busy, cycles, figures: judged }, null, 2)
  console.log(table(figures))
  console.log(`\n${at}, Node ${machine.node}, ${machine.cores} × ${machine.cpu}, load before ${busy?.toFixed(1)}\n`)
  if (values.json === undefined) console.log(json)
  else writeFileSync(values.json, `${json}\n`)
}

function refuse(why: string): never {
  console.error(why)
  process.exit(1)
}
