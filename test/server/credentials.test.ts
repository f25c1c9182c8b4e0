import { expect, test } from 'vitest'
import { withoutCredentials } from '../../src/server/credentials.ts'
import { run } from '../support/spawn-server.ts'

test.each([
  ['mongodb://user:pw@db1,db2/app', 'mongodb://[redacted]@db1,db2/app'],
  ['mongodb+srv://user:p%40w@cluster.example/app', 'mongodb+srv://[redacted]@cluster.example/app'],
  [
    'of two, "mongodb://a:b@c/d" and "https://e:f@g/h"',
    'of two, "mongodb://[redacted]@c/d" and "https://[redacted]@g/h"',
  ],
  ['with an @ in it, mongodb://user:p@w@db1/app', 'with an @ in it, mongodb://[redacted]@db1/app'],
  ['with a slash in it, mongodb://user:p/w@db1/app', 'with a slash in it, mongodb://[redacted]@db1/app'],
])('whoever logs in by a URL is not shown: %s', (text, shown) => {
  expect(withoutCredentials(text)).toBe(shown)
  expect(JSON.parse(withoutCredentials(JSON.stringify({ text, more: 'a@b' })))).toEqual({ text: shown, more: 'a@b' })
})

test.each([
  'mongodb://db1/app did not answer to a@b',
  'file:///srv/node_modules/@ai-sdk/openai/index.js',
  '{"url":"http://127.0.0.1:4000","by":"a@b"}',
  '{"url":"mongodb://db1/app","by":"a@b"}',
])('nothing else is changed: %s', (text) => {
  expect(withoutCredentials(text)).toBe(text)
})

test('a long text takes no long time', () => {
  const before = performance.now()
  withoutCredentials('mongodb://'.repeat(100_000))
  withoutCredentials('x://'.repeat(250_000))
  expect(performance.now() - before).toBeLessThan(5_000)
})

test('an error that is logged, with its causes and wherever it stands, shows no credentials', async () => {
  const { exited, stdout } = run(
    [
      '--input-type=module',
      '--eval',
      `import { createLog } from './src/server/log.ts'
       const cause = new Error('connection to mongodb://user:sk-secret@db1/app failed')
       const err = Object.assign(new Error('away', { cause }), { options: { url: 'mongodb://user:sk-secret@db1/app' } })
       createLog('info').error({ err, other: [cause.message] }, cause.message)`,
    ],
    {},
  )
  expect(await exited).toMatchObject({ code: 0 })
  expect(JSON.parse(stdout())).toMatchObject({
    msg: 'connection to mongodb://[redacted]@db1/app failed',
    err: { stack: expect.stringContaining('mongodb://[redacted]@db1/app') },
  })
  expect(stdout()).not.toContain('sk-secret')
})
