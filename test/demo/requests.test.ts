import { expect, test } from 'vitest'
import { readRequests } from '../../src/demo/requests.ts'

const remove = (userId: string) => ({ tool: 'delete_user_data', input: { userId } })
const email = (userId: string, body: string) => ({
  tool: 'send_email',
  input: { userId, subject: 'A message from support', body },
})

test.each([
  ['Delete all data for user u_42', [remove('u_42')]],
  ['please delete all data for user u_42.', [remove('u_42')]],
  ['Erase u_7', [remove('u_7')]],
  ['Refund order o_1001', [{ tool: 'refund_order', input: { orderId: 'o_1001' } }]],
  [
    'Refund order o_1001 because it broke.',
    [{ tool: 'refund_order', input: { orderId: 'o_1001', reason: 'it broke' } }],
  ],
  ['Email u_42: see you and your dog soon', [email('u_42', 'see you and your dog soon')]],
  ['Send an email to u_42 saying hello', [email('u_42', 'hello')]],
  ['Send an email to user u_42', [email('u_42', 'We have received your request.')]],
  [
    'Create a voucher for u_9 because the parcel was late.',
    [{ tool: 'create_voucher', input: { userId: 'u_9', reason: 'the parcel was late' } }],
  ],
  ['Give user u_9 a voucher', [{ tool: 'create_voucher', input: { userId: 'u_9' } }]],
  ['Delete u_1 and give u_2 a voucher', [remove('u_1'), { tool: 'create_voucher', input: { userId: 'u_2' } }]],
  ['Create a ticket for u_9', []],
  ['Look up user u_3', [{ tool: 'lookup_user', input: { userId: 'u_3' } }]],
  [
    'Delete all data for user u_42 and refund order o_1001, and email u_7: sorry',
    [remove('u_42'), { tool: 'refund_order', input: { orderId: 'o_1001' } }, email('u_7', 'sorry')],
  ],
  ['Delete u_1. Then delete u_2', [remove('u_1'), remove('u_2')]],
  ['What is the weather?', []],
  ['Delete everything', []],
  ['Delete u_42 and refund it', []],
  ['', []],
])('%s', (message, requests) => expect(readRequests(message)).toEqual(requests))
