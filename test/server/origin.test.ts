import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { readConfig } from '../../src/server/config.ts'
import { createServer } from '../../src/server/server.ts'
import { agents } from '../support/echo-agents.ts'
import { testServer } from '../support/test-server.ts'

/** Whether a page of this origin may open a WebSocket: how the request for it was answered, 101 for yes. */
async function statusFor(endpoint: string, headers: Record<string, string>): Promise<number> {
  const socket = new WebSocket(endpoint.replace('http', 'ws'), 'graphql-transport-ws', { headers })
  socket.on('error', () => {})
  const status = await Promise.race([
    once(socket, 'open').then(() => 101),
    once(socket, 'unexpected-response').then(([, response]) => response.statusCode),
  ])
  socket.terminate()
  return status
}

describe('a WebSocket of a web page', () => {
  test('of the server’s own origin is taken, by any scheme, and so is one of no page', async () => {
    await using api = await testServer({ agents })
    const { host } = new URL(api.url)
    for (const origin of [`http://${host}`, `https://${host}`])
      expect([origin, await statusFor(api.endpoint, { origin })]).toEqual([origin, 101])
    expect(await statusFor(api.endpoint, {})).toBe(101)
    // What a proxy passes on as the name it was reached by.
    expect(await statusFor(api.endpoint, { host: 'c.example.com', origin: 'https://c.example.com' })).toBe(101)
  })

  test('of another origin is refused with 403 and a reason, whatever token it would have', async () => {
    await using api = await testServer({ agents, allowedOrigins: ['https://console.example.com'] })
    const { hostname, port } = new URL(api.url)
    for (const origin of [
      'https://evil.example.com',
      'https://console.example.com:8443',
      'http://console.example.com',
      'https://console.example.com.evil.org',
      `http://${hostname}:${Number(port) + 1}`,
      `http://${hostname}`,
      'file://',
      'null',
      '',
    ])
      expect([origin, await statusFor(api.endpoint, { origin })]).toEqual([origin, 403])
    expect(await statusFor(api.endpoint, { 'sec-fetch-site': 'cross-site' })).toBe(403)
  })

  test('of an origin that is allowed is taken', async () => {
    await using api = await testServer({ agents, allowedOrigins: ['https://console.example.com', 'http://[::1]:5173'] })
    for (const origin of ['https://console.example.com', 'http://[::1]:5173'])
      expect([origin, await statusFor(api.endpoint, { origin })]).toEqual([origin, 101])
  })

  test('of another origin is refused while nobody has to sign in, whatever is allowed', async () => {
    await using api = await testServer({ agents, authenticate: null, allowedOrigins: ['https://console.example.com'] })
    expect(await statusFor(api.endpoint, { origin: 'https://console.example.com' })).toBe(403)
  })
})

test('allowedOrigins and ALLOWED_ORIGINS take origins and nothing else', () => {
  const config = (text: string) => readConfig({ ALLOWED_ORIGINS: text })
  expect(config('https://a.example.com, http://localhost:5173')).toMatchObject({
    config: { ALLOWED_ORIGINS: ['https://a.example.com', 'http://localhost:5173'] },
  })
  expect(config('')).toMatchObject({ config: { ALLOWED_ORIGINS: [] } })
  for (const wrong of [
    '*',
    'null',
    'a.example.com',
    'https://a.example.com/',
    'https://A.example.com',
    'https://a:443',
  ]) {
    const mistake = /ALLOWED_ORIGINS\.0: must be an origin such as https:\/\/console\.example\.com, without a path/
    expect([wrong, config(wrong)]).toEqual([wrong, { mistakes: [expect.stringMatching(mistake)] }])
    expect(() => createServer({ agents, database: ':memory:', allowedOrigins: [wrong] })).toThrow(/an origin such as/)
  }
})
