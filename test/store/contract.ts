import { describe } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { approvalContract, approvalRaces } from './contract-approvals.ts'
import { deadlineContract } from './contract-deadlines.ts'
import { feedContract } from './contract-feed.ts'
import { keyContract } from './contract-keys.ts'
import { listContract } from './contract-lists.ts'
import { runContract } from './contract-runs.ts'
import { startContract } from './contract-starts.ts'
import { stepContract } from './contract-steps.ts'

/** An empty store; what it wrote is gone when it is disposed of. */
export type MakeStore = () => Promise<Store>

/** What every adapter of the port must do; without `races` where another configuration of the same adapter has them. */
export function storeContract(name: string, makeStore: MakeStore, { races = true } = {}): void {
  describe(`the store on ${name}`, () => {
    describe('runs', () => runContract(makeStore))
    describe('steps', () => stepContract(makeStore))
    describe('steps that concern other runs', () => startContract(makeStore))
    describe('approvals', () => approvalContract(makeStore))
    if (races) describe('an approval for many at once', () => approvalRaces(makeStore))
    describe('deadlines', () => deadlineContract(makeStore))
    describe('lists', () => listContract(makeStore))
    describe('keys', () => keyContract(makeStore))
    describe('the feed and the rest', () => feedContract(makeStore))
  })
}
