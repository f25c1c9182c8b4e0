/** One measured number, with what it is held against. */
export type Figure = {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly bound?: { readonly is: 'at most' | 'at least'; readonly value: number }
  /** CPU and ratios bind: the bench fails with them. Wall-clock figures are aimed at, what has no bound is there to be read. */
  readonly binds?: true
  /** The values that `value` is the median of: how far they lie apart tells how noisy the machine was. */
  readonly rounds?: readonly number[]
}

export const passes = ({ value, bound }: Figure): boolean =>
  bound === undefined || (bound.is === 'at most' ? value <= bound.value : value >= bound.value)

export const fails = (figure: Figure): boolean => figure.binds === true && !passes(figure)

export function table(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => {
    const { name, value, unit, bound } = figure
    return [
      name,
      `${short(value)} ${unit}`.trim(),
      bound ? `${bound.is} ${short(bound.value)}` : '',
      figure.binds ? 'binds' : bound ? 'aimed at' : '',
      bound ? (passes(figure) ? 'pass' : figure.binds ? 'FAIL' : 'missed') : '',
    ]
  })
  const all = [['figure', 'value', 'bound', '', ''], ...rows]
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? []
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')).join('\n')
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
