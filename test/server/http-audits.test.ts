import { serverAudits } from 'graphql-http'
import { afterAll, describe, expect, test } from 'vitest'
import { agents } from '../support/echo-agents.ts'
import { testServer } from '../support/test-server.ts'

const api = await testServer({ agents, authenticate: null })
afterAll(() => api[Symbol.asyncDispose]())

describe('GraphQL over HTTP, as the audits of graphql-http read its specification', () => {
  for (const audit of serverAudits({ url: api.endpoint, fetchFn: fetch })) {
    test(`${audit.id} ${audit.name}`, async () => {
      const result = await audit.fn()
      const found = result.status === 'ok' ? 'ok' : `${result.status}: ${result.reason}`
      expect(found).toBe('ok')
    })
  }
})
