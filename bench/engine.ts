import { type Bench, type Cost, type Handlers, startChild } from './child.ts'
import type { EngineChild } from './engine-child.ts'
import { type Figure, median } from './figure.ts'
import type { FloorChild } from './floor-child.ts'

const rounds = 3

/** The engine, in process, against the bare SQLite writes of the same cycles: turn by turn, so that a busy machine troubles both. */
export async function engineFigures(bench: Bench): Promise<Figure[]> {
  const { cycles, newDatabase } = bench
  const warmUp = Math.max(200, Math.round(cycles / 4))
  const floors: Cost[] = []
  const engines: Cost[] = []
  for (let round = 0; round < rounds; round += 1) {
    floors.push(
      await inChild<FloorChild, Cost>('floor-child.ts', bench, (child) =>
        child.ask('measure', newDatabase(), newDatabase(), warmUp, cycles),
      ),
    )
    engines.push(
      await inChild<EngineChild, Cost>('engine-child.ts', bench, (child) =>
        child.ask('measure', newDatabase(), warmUp, cycles),
      ),
    )
  }
  const ratios = engines.map(({ cpuMs }, round) => cpuMs / (floors[round]?.cpuMs ?? 0))
  const cpu = (costs: readonly Cost[]) => median(costs.map(({ cpuMs }) => cpuMs / cycles))
  const rate = (costs: readonly Cost[]) => median(costs.map(({ wallMs }) => (cycles / wallMs) * 1000))
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
