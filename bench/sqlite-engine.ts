import { type Bench, warmUpOf } from './bench.ts'
import { type Cost, type Handlers, startChild } from './child.ts'
import type { EngineChild } from './engine-child.ts'
import { cpuPerCycle, cyclesPerSecond, type Figure, median } from './figure.ts'
import type { SqliteFloorChild } from './sqlite-floor-child.ts'

const rounds = 3

/** The engine, in process, against the bare SQLite writes of the same cycles: turn by turn, so that a busy machine troubles both. */
export async function sqliteEngineFigures(bench: Bench): Promise<Figure[]> {
  const { load, newDatabase } = bench
  const warmUp = warmUpOf(load)
  const floors: Cost[] = []
  const engines: Cost[] = []
  for (let round = 0; round < rounds; round += 1) {
    floors.push(
      await inChild<SqliteFloorChild, Cost>('sqlite-floor-child.ts', bench, (child) =>
        child.ask('measure', newDatabase(), newDatabase(), warmUp.most, load.most),
      ),
    )
    engines.push(
      await inChild<EngineChild, Cost>('engine-child.ts', bench, (child) =>
        child.ask('measure', newDatabase(), warmUp, load),
      ),
    )
  }
  const ratios = engines.map(({ cpuMs }, round) => cpuMs / (floors[round]?.cpuMs ?? 0))
  const cpu = (costs: readonly Cost[]) => median(costs.map(cpuPerCycle))
  const rate = (costs: readonly Cost[]) => median(costs.map(cyclesPerSecond))
  return [
    { name: 'floor: CPU per cycle', value: cpu(floors), unit: 'ms' },
    { name: 'floor: cycles', value: rate(floors), unit: '/s' },
    { name: 'engine: CPU per cycle', value: cpu(engines), unit: 'ms' },
    {
      name: 'engine: CPU, times the floor',
      value: median(ratios),
      unit: '×',
      bound: { is: 'at most', value: 5 },
      binds: true,
      rounds: ratios,
    },
    { name: 'engine: cycles', value: rate(engines), unit: '/s', bound: { is: 'at least', value: 2_000 } },
  ]
}

async function inChild<H extends Handlers, Result>(
  module: string,
  bench: Bench,
  work: (child: ReturnType<typeof startChild<H>>) => Promise<Result>,
): Promise<Result> {
  await using child = startChild<H>(module, bench)
  return await work(child)
}
