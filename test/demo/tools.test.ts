import { mkdtempDisposableSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { demoAgents } from '../../src/demo/agents.ts'
import { demoDatabasePath, openDemoDatabase } from '../../src/demo/database.ts'
import { demoTools } from '../../src/demo/tools.ts'

function temporaryFile(): string {
  const folder = mkdtempDisposableSync(join(tmpdir(), 'countersign-demo-'))
  onTestFinished(() => folder.remove())
  return join(folder.path, 'demo.db')
}
function open(path = temporaryFile()) {
  const database = openDemoDatabase(path)
  onTestFinished(() => {
    if (database.isOpen) database.close()
  })
  return { path, database, tools: demoTools(database) }
}
const call = (toolCallId: string) => ({ toolCallId, messages: [], context: undefined as never })
const count = (database: DatabaseSync, table: string, where = 'TRUE') =>
  database.prepare(`SELECT count(*) AS n FROM ${table} WHERE ${where}`).get()?.n

test('a new database has u_42 and twenty others, all with orders; what was changed stays changed', () => {
  const { path, database, tools } = open()
  expect(count(database, 'users')).toBe(21)
  expect(count(database, 'users', 'id NOT IN (SELECT user_id FROM orders)')).toBe(0)
  tools.delete_user_data.execute?.({ userId: 'u_42' }, call('c1'))
  database.close()
  expect(count(open(path).database, 'users')).toBe(20)
})

test('lookup_user tells a user with orders, and refuses an unknown one with a hint', () => {
  const { tools } = open()
  expect(tools.lookup_user.execute?.({ userId: 'u_1' }, call('c1'))).toEqual({
    id: 'u_1',
    name: 'Mina Alder',
    email: 'mina.alder@example.com',
    orders: [{ id: 'o_1001', item: 'Coffee grinder', cents: 5_450, refunded: false }],
  })
  expect(() => tools.lookup_user.execute?.({ userId: 'u_99' }, call('c2'))).toThrow(
    "There is no user 'u_99'. Users are, for example, u_1, u_2, u_3.",
  )
})

test('delete_user_data deletes the user with orders and messages, and nobody else', () => {
  const { database, tools } = open()
  tools.send_email.execute?.({ userId: 'u_42', subject: 's', body: 'b' }, call('c1'))
  const orders = Number(count(database, 'orders'))
  expect(tools.delete_user_data.execute?.({ userId: 'u_42' }, call('c2'))).toEqual({
    userId: 'u_42',
    name: 'Dana Whitfield',
    deletedOrders: 3,
    deletedMessages: 1,
  })
  expect(count(database, 'users')).toBe(20)
  expect(count(database, 'orders')).toBe(orders - 3)
  expect(count(database, 'outbox')).toBe(0)
  expect(() => tools.delete_user_data.execute?.({ userId: 'u_42' }, call('c3'))).toThrow("There is no user 'u_42'")
})

test('refund_order refunds once: the same call again has the same answer, another is refused', () => {
  const { database, tools } = open()
  const refunded = { orderId: 'o_1001', userId: 'u_1', refundedCents: 5_450 }
  expect(tools.refund_order.execute?.({ orderId: 'o_1001' }, call('c1'))).toEqual(refunded)
  expect(tools.refund_order.execute?.({ orderId: 'o_1001' }, call('c1'))).toEqual(refunded)
  expect(() => tools.refund_order.execute?.({ orderId: 'o_1001' }, call('c2'))).toThrow(
    "The order 'o_1001' has been refunded before.",
  )
  expect(() => tools.refund_order.execute?.({ orderId: 'o_1' }, call('c3'))).toThrow("There is no order 'o_1'.")
  expect(count(database, 'orders', 'refunded_by IS NOT NULL')).toBe(1)
})

test('send_email writes to the outbox, once for a call', () => {
  const { database, tools } = open()
  for (const id of ['c1', 'c1', 'c2'])
    tools.send_email.execute?.({ userId: 'u_1', subject: 'Hi', body: 'there' }, call(id))
  expect(count(database, 'outbox', "address = 'mina.alder@example.com' AND body = 'there'")).toBe(2)
})

test('create_voucher makes one for a call, and the user’s end is its end', () => {
  const { database, tools } = open()
  const input = { userId: 'u_42', cents: 2_000, validDays: 30 }
  const [first, again, other] = ['c1', 'c1', 'c2'].map((id) => tools.create_voucher.execute?.(input, call(id)))
  expect(first).toEqual({ ...input, code: expect.stringMatching(/^V-[0-9A-F]{8}$/) })
  expect([again, count(database, 'vouchers', 'cents = 2000 AND valid_days = 30')]).toEqual([first, 2])
  expect(other).not.toEqual(first)
  expect(() => tools.create_voucher.execute?.({ ...input, userId: 'u_99' }, call('c3'))).toThrow('There is no user')
  tools.delete_user_data.execute?.({ userId: 'u_42' }, call('c4'))
  expect(count(database, 'vouchers')).toBe(0)
})

test('a database of the first version gets its vouchers', () => {
  const { path, database } = open()
  database.exec('DROP TABLE vouchers; PRAGMA user_version = 1')
  database.close()
  expect(count(open(path).database, 'vouchers')).toBe(0)
  expect(count(open(path).database, 'users')).toBe(21)
})

test('the agent defines, says which model it has, and closes its database', () => {
  const path = temporaryFile()
  const demo = demoAgents({ database: path, env: {} })
  expect(demo.agents.map(({ name }) => name)).toEqual(['support'])
  expect(demo.modelNotice).toContain('script')
  demo[Symbol.dispose]()
  expect(count(open(path).database, 'users')).toBe(21)
})

test.each([
  [{}, 'countersign/scripted'],
  [{ OPENAI_API_KEY: '', OPENAI_BASE_URL: '' }, 'countersign/scripted'],
  [{ OPENAI_API_KEY: 'k' }, 'openai.chat/gpt-4.1-mini'],
  [{ OPENAI_BASE_URL: 'http://127.0.0.1:11434/v1', MODEL: 'qwen3' }, 'openai.chat/qwen3'],
  [{ ANTHROPIC_API_KEY: 'k' }, 'anthropic.messages/claude-sonnet-5'],
])('with %o the model is %s', (env, expected) => {
  using demo = demoAgents({ database: temporaryFile(), env })
  const model = demo.agents[0]?.model
  expect(`${model?.provider}/${model?.modelId}`).toBe(expected)
})

test('a file that cannot be used is refused in one sentence that names it', () => {
  const path = temporaryFile()
  writeFileSync(path, 'no database at all, but a text that is long enough to be looked at')
  expect(() => openDemoDatabase(path)).toThrow(`The demo's database ${path} cannot be used`)
  expect(() => openDemoDatabase('/nowhere/at/all.db')).toThrow('Name a writable file in DEMO_DATABASE')
})

test('the data is beside the main database, unless DEMO_DATABASE names a file', () => {
  expect(demoDatabasePath('file:./data/main.db', {})).toBe(join('data', 'countersign-demo.db'))
  expect(demoDatabasePath('mongodb://host/db', {})).toBe('countersign-demo.db')
  expect(demoDatabasePath(undefined, { DEMO_DATABASE: '/tmp/x.db' })).toBe('/tmp/x.db')
})
