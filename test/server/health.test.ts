import { expect, test } from 'vitest'
import { createLog } from '../../src/server/log.ts'
import { createServer } from '../../src/server/server.ts'
import { agents } from '../support/echo-agents.ts'
import { testPrincipals } from '../support/principals.ts'
import { testServer } from '../support/test-server.ts'

const logger = createLog('silent')

const ask = async (server: { fetch(request: Request): Promise<Response> }, path: string) => {
  const response = await server.fetch(new Request(`http://localhost${path}`))
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body: await response.json() }
}

test('/health says that the process lives, /ready that it takes work; neither asks who you are', async () => {
  await using api = await testServer({ agents })
  for (const [path, status] of [
    ['/health', 'ok'],
    ['/ready', 'ready'],
  ]) {
    const response = await fetch(`${api.url}${path}`)
    expect([response.status, await response.json()]).toEqual([200, { status }])
  }
})

test('before start and after close the process is healthy and not ready, and requests are refused with 503', async () => {
  const server = createServer({ logger, agents, database: ':memory:', authenticate: testPrincipals })
  const refused = async (reason: RegExp) => {
    expect(await ask(server, '/health')).toEqual({ status: 200, retryAfter: null, body: { status: 'ok' } })
    expect(await ask(server, '/ready')).toEqual({
      status: 503,
      retryAfter: '1',
      body: { status: 'unavailable', reason: expect.stringMatching(reason) },
    })
    const query = await ask(server, '/graphql?query={__typename}')
    expect(query).toMatchObject({
      status: 503,
      retryAfter: '1',
      body: {
        errors: [{ message: expect.stringMatching(reason), extensions: { code: 'UNAVAILABLE', retryAfterMs: 1_000 } }],
      },
    })
  }
  await refused(/not started/)
  await expect(server.runs.list({ id: 'a', roles: ['ADMIN'] })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  await server.start()
  await server.start()
  expect((await ask(server, '/ready')).status).toBe(200)
  await server.close()
  await server.close()
  await refused(/stopping/)
  await expect(server.start()).rejects.toMatchObject({ code: 'INVALID_CONFIGURATION' })
  await expect(server.runs.list({ id: 'a', roles: ['ADMIN'] })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
})
