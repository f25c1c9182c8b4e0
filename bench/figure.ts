import type { Cost } from './child.ts'

/** One measured number, with what it is held against. */
export type Figure = {
  readonly name: string
  /** Null where the database does not say. */
  readonly value: number | null
  readonly unit: string
  readonly bound?: { readonly is: 'at most' | 'at least'; readonly value: number }
  /** CPU, ratios and what is held against a floor bind: the bench fails with them. Other wall-clock figures are aimed at, what has no bound is there to be read. */
  readonly binds?: boolean
  /** The values that `value` is the median of: how far they lie apart tells how noisy the machine was. */
  readonly rounds?: readonly number[]
  /** What one has to know to read it. */
  readonly note?: string
}

export const passes = ({ value, bound }: Figure): boolean =>
  bound === undefined || (value !== null && (bound.is === 'at most' ? value <= bound.value : value >= bound.value))

export const fails = (figure: Figure): boolean => figure.binds === true && !passes(figure)

export function table(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => {
    const { name, value, unit, bound } = figure
    return [
      name,
      value === null ? 'n/a' : `${short(value)} ${unit}`.trim(),
      bound ? `${bound.is} ${short(bound.value)}` : '',
      figure.binds ? 'binds' : bound ? 'aimed at' : '',
      bound ? (passes(figure) ? 'pass' : figure.binds ? 'FAIL' : 'missed') : '',
    ]
  })
  const all = [['figure', 'value', 'bound', '', ''], ...rows]
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? []
  const lines = all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
  const notes = figures.flatMap(({ name, note }) => (note ? [`${name}: ${note}`] : []))
  return [...lines, '', ...notes].join('\n')
}

const short = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)))

/** The value that `share` of all are at or below: 0.5 for the median. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
  if (value === undefined) throw new Error('Nothing was measured')
  return value
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

export const cpuPerCycle = ({ cpuMs, cycles }: Cost): number => cpuMs / cycles
export const cyclesPerSecond = ({ cycles, wallMs }: Cost): number => (cycles / wallMs) * 1000
