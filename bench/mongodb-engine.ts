import { type Bench, warmUpOf } from './bench.ts'
import { type Cost, startChild } from './child.ts'
import type { EngineChild } from './engine-child.ts'
import { cpuPerCycle, cyclesPerSecond, type Figure, median } from './figure.ts'
import type { MongodbFloorChild } from './mongodb-floor-child.ts'

const rounds = 3

/**
 * The engine, in process, against the driver doing the same writes: turn by turn, so that a busy machine troubles both. Each
 * stays in its one process for all rounds: where the server is slow, a round is too short to warm up anew.
 */
export async function mongodbEngineFigures(bench: Bench): Promise<Figure[]> {
  const { load } = bench
  await using floor = startChild<MongodbFloorChild>('mongodb-floor-child.ts', bench)
  await using engine = startChild<EngineChild>('engine-child.ts', bench)
  await floor.ask('record', bench.newDatabase())
  await floor.ask('warmUp', bench.newDatabase())
  await engine.ask('warmUp', bench.newDatabase())
  const floors: Cost[] = []
  const watched: Cost[] = []
  const engines: Cost[] = []
  for (let round = 0; round < rounds; round += 1) {
    const warmUp = round === 0 ? warmUpOf(load) : { ...load, most: 32 }
    floors.push(await floor.ask('measure', bench.newDatabase(), warmUp, load, false))
    if (!bench.isReal) watched.push(await floor.ask('measure', bench.newDatabase(), { ...load, most: 32 }, load, true))
    engines.push(await engine.ask('measure', bench.newDatabase(), warmUp, load))
  }
  // MongoDB answers a change stream when it has something to bring; the stand-in after every write, which is no work of ours.
  const standards = bench.isReal ? floors : watched
  const above = engines.map((ours, round) => cpuPerCycle(ours) - cpuPerCycle(standards[round] as Cost))
  const pairs = engines.map((cost, round) => [cost, floors[round] as Cost] as const)
  const shares = pairs.map(([ours, bare]) => cyclesPerSecond(ours) / cyclesPerSecond(bare))
  const note = `${engines.reduce((sum, { cycles }) => sum + cycles, 0)} cycles were measured, after a warm-up`
  return [
    { name: 'floor: CPU per cycle', value: median(floors.map(cpuPerCycle)), unit: 'ms' },
    ...(bench.isReal
      ? []
      : [
          {
            name: 'floor with a change stream that brings nothing: CPU per cycle',
            value: median(watched.map(cpuPerCycle)),
            unit: 'ms',
          },
        ]),
    { name: 'floor: cycles', value: median(floors.map(cyclesPerSecond)), unit: '/s' },
    { name: 'engine: CPU per cycle', value: median(engines.map(cpuPerCycle)), unit: 'ms', note },
    {
      name: `engine: CPU per cycle above the floor${bench.isReal ? '' : ' with such a stream'}`,
      value: median(above),
      unit: 'ms',
      bound: { is: 'at most', value: 1.5 },
      binds: true,
      rounds: above,
    },
    { name: 'engine: cycles', value: median(engines.map(cyclesPerSecond)), unit: '/s' },
    {
      name: "engine: cycles, share of the floor's",
      value: median(shares),
      unit: '×',
      bound: { is: 'at least', value: 0.5 },
      binds: true,
      rounds: shares,
    },
  ]
}
