import { afterAll, expect } from 'vitest'
import { type Play, type Row, runCampaign } from './campaign.ts'
import type { Ground } from './grounds.ts'

// The short version, in `npm test`; `npm run chaos` is the long one. What does not hold is thrown with all that belongs to it.

const seed = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 1e9))

/** Gives what plays a campaign and checks it; when the file is done a table says what was seen. */
export function shortChaos(): (ground: Ground, name: string, what: Play) => Promise<void> {
  const rows: Row[] = []
  afterAll(() => console.table(rows))
  return async (ground, name, what) => {
    const row = await runCampaign(ground, name, seed, what)
    rows.push(row)
    expect(row).toMatchObject({ lost: 0, doubled: 0 })
    expect(row.runs).toBeGreaterThan(0)
  }
}
