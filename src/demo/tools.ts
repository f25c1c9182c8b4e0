import { createHash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { z } from 'zod'
import { tool } from '../agents/tool.ts'
import { transaction } from './database.ts'

const userId = z
  .string()
  .regex(/^u_\w+$/)
  .describe("The user's id, such as u_42")
const orderId = z
  .string()
  .regex(/^o_\w+$/)
  .describe("The order's id, such as o_1001")

/** The tools of the demo's agent: what they do to the database is real. */
export const demoTools = (database: DatabaseSync) => ({
  lookup_user: tool({
    description: 'Look up a user by id: name, email address and orders. Changes nothing.',
    inputSchema: z.object({ userId }),
    idempotent: true,
    execute: ({ userId }) => ({ ...findUser(database, userId), orders: ordersOf(database, userId) }),
  }),

  delete_user_data: tool({
    description: 'Permanently delete a user with all orders, messages and vouchers. It cannot be undone.',
    inputSchema: z.object({ userId }),
    approval: 'required',
    destructive: true,
    execute: ({ userId }) =>
      transaction(database, () => {
        const { name } = findUser(database, userId)
        const messages = database.prepare('DELETE FROM outbox WHERE user_id = ?').run(userId).changes
        database.prepare('DELETE FROM vouchers WHERE user_id = ?').run(userId)
        const orders = database.prepare('DELETE FROM orders WHERE user_id = ?').run(userId).changes
        database.prepare('DELETE FROM users WHERE id = ?').run(userId)
        return { userId, name, deletedOrders: Number(orders), deletedMessages: Number(messages) }
      }),
  }),

  refund_order: tool({
    description: 'Refund an order in full. An order can be refunded once.',
    inputSchema: z.object({ orderId, reason: z.string().max(500).describe('Why, for the records').optional() }),
    approval: 'required',
    idempotent: true,
    execute: ({ orderId }, { toolCallId }) => {
      database
        .prepare('UPDATE orders SET refunded_by = ? WHERE id = ? AND refunded_by IS NULL')
        .run(toolCallId, orderId)
      const order = orderRow
        .optional()
        .parse(database.prepare('SELECT user_id, cents, refunded_by FROM orders WHERE id = ?').get(orderId))
      if (!order) throw new Error(`There is no order '${orderId}'. lookup_user lists a user's orders.`)
      // This very call, asked again after a crash, has refunded it: the same answer as the first time.
      if (order.refunded_by !== toolCallId) throw new Error(`The order '${orderId}' has been refunded before.`)
      return { orderId, userId: order.user_id, refundedCents: order.cents }
    },
  }),

  send_email: tool({
    description: 'Send an email to a user. The requester is asked to confirm it first, which is recorded.',
    inputSchema: z.object({ userId, subject: z.string().min(1).max(200), body: z.string().min(1).max(5_000) }),
    pause: 'confirmation',
    approval: 'audit',
    idempotent: true,
    execute: ({ userId, subject, body }, { toolCallId }) => {
      const { email } = findUser(database, userId)
      database
        .prepare(
          'INSERT INTO outbox (call_id, user_id, address, subject, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
        )
        .run(toolCallId, userId, email, subject, body)
      return { userId, sentTo: email }
    },
  }),

  create_voucher: tool({
    description: 'Create a voucher for a user. What it is worth, and for how long, an approver fills in.',
    inputSchema: z.object({
      userId,
      reason: z.string().max(500).describe('Why, for the approver and the records').optional(),
      cents: z.int().min(100).max(50_000).describe('What it is worth, in cents'),
      validDays: z.int().min(1).max(730).default(365).describe('For how many days it is valid'),
    }),
    approval: 'required',
    pause: 'user-input',
    userInput: ['cents', 'validDays'],
    idempotent: true,
    execute: ({ userId, reason, cents, validDays }, { toolCallId }) => {
      findUser(database, userId)
      // The same call has the same code: asked again after a crash, it makes no second one.
      const code = `V-${createHash('sha256').update(toolCallId).digest('hex').slice(0, 8).toUpperCase()}`
      database
        .prepare(
          'INSERT INTO vouchers (code, user_id, cents, valid_days, reason) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
        )
        .run(code, userId, cents, validDays, reason ?? null)
      return { code, userId, cents, validDays }
    },
  }),
})

const userRow = z.object({ id: z.string(), name: z.string(), email: z.string() })
const orderRow = z.object({ user_id: z.string(), cents: z.number(), refunded_by: z.string().nullable() })
const listedOrder = z.object({
  id: z.string(),
  item: z.string(),
  cents: z.number(),
  refunded: z.number().transform(Boolean),
})

function findUser(database: DatabaseSync, id: string): z.infer<typeof userRow> {
  const user = database.prepare('SELECT id, name, email FROM users WHERE id = ?').get(id)
  if (user) return userRow.parse(user)
  const others = database.prepare('SELECT id FROM users ORDER BY rowid LIMIT 3').all()
  throw new Error(`There is no user '${id}'. Users are, for example, ${others.map((other) => other.id).join(', ')}.`)
}

const ordersOf = (database: DatabaseSync, id: string) =>
  z
    .array(listedOrder)
    .parse(
      database
        .prepare(
          'SELECT id, item, cents, refunded_by IS NOT NULL AS refunded FROM orders WHERE user_id = ? ORDER BY id',
        )
        .all(id),
    )
