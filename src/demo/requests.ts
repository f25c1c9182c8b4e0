/** What the scripted model understands of a request. */
export type DemoRequest =
  | { readonly tool: 'lookup_user'; readonly input: { readonly userId: string } }
  | { readonly tool: 'delete_user_data'; readonly input: { readonly userId: string } }
  | { readonly tool: 'create_voucher'; readonly input: { readonly userId: string; readonly reason?: string } }
  | { readonly tool: 'refund_order'; readonly input: { readonly orderId: string; readonly reason?: string } }
  | {
      readonly tool: 'send_email'
      readonly input: { readonly userId: string; readonly subject: string; readonly body: string }
    }

const verb = 'delete|erase|remove|refund|e-?mail|send|write|look|find|show|create|give|issue'
/** Requests are joined by "and", a comma, a semicolon or a full stop, with a verb behind it; within a message's text the same holds. */
const joint = new RegExp(`\\s*(?:,\\s*and|,|;|\\.|\\band)\\s+(?:then\\s+|please\\s+|also\\s+)*(?=(?:${verb})\\b)`, 'i')

const user = '\\b(?<id>u_\\w+)'
const rules: readonly { pattern: RegExp; read(found: Record<string, string | undefined>): DemoRequest }[] = [
  {
    pattern: new RegExp(
      `^(?:e-?mail|write to|write|send (?:an? )?(?:e-?mail|mail|message) to)\\s+(?:user\\s+)?${user}(?:\\s*(?::|,|\\bsaying\\b|\\bthat\\b|\\babout\\b)\\s*(?<text>.+))?$`,
      'is',
    ),
    read: ({ id = '', text = 'We have received your request.' }) => ({
      tool: 'send_email',
      input: { userId: id, subject: 'A message from support', body: text.trim() },
    }),
  },
  {
    pattern: /^refund\b.*?\b(?<id>o_\w+)(?:.*?(?::|\bbecause\b|\bsince\b)\s*(?<text>.+))?/is,
    read: ({ id = '', text }) => ({
      tool: 'refund_order',
      input: { orderId: id, ...(text && { reason: text.trim().replace(/\.$/, '') }) },
    }),
  },
  {
    pattern: new RegExp(
      `^(?:create|give|issue)\\b(?=.*\\bvoucher\\b).*?${user}(?:.*?(?::|\\bbecause\\b|\\bsince\\b)\\s*(?<text>.+))?`,
      'is',
    ),
    read: ({ id = '', text }) => ({
      tool: 'create_voucher',
      input: { userId: id, ...(text && { reason: text.trim().replace(/\.$/, '') }) },
    }),
  },
  {
    pattern: new RegExp(`^(?:delete|erase|remove)\\b.*${user}`, 'is'),
    read: ({ id = '' }) => ({ tool: 'delete_user_data', input: { userId: id } }),
  },
  {
    pattern: new RegExp(`^(?:look|find|show)\\b.*${user}`, 'is'),
    read: ({ id = '' }) => ({ tool: 'lookup_user', input: { userId: id } }),
  },
]

/** The requests in a message; empty when one of them is not understood, so that nothing is done by halves. */
export function readRequests(message: string): readonly DemoRequest[] {
  const clauses = message
    .trim()
    .replace(/^(?:please|can you|could you)\s+/i, '')
    .split(joint)
  const requests = clauses.map(readRequest)
  return requests.every((request) => request !== null) ? requests : []
}

function readRequest(clause: string): DemoRequest | null {
  for (const { pattern, read } of rules) {
    const found = pattern.exec(clause)
    if (found?.groups) return read(found.groups)
  }
  return null
}
