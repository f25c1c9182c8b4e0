import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runCli } from '../support/spawn-server.ts'
import { temporaryDirectory } from '../support/temporary.ts'

test('the schema is printed, written and checked', async () => {
  using directory = temporaryDirectory()
  const file = join(directory.path, 'schema.graphql')
  const printed = await runCli(['schema'])
  expect(printed).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('type Mutation') })

  expect(await runCli(['schema', '--check', '--file', file])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^countersign: .*is not up to date.*\n$/),
  })
  expect(await runCli(['schema', '--write', '--file', file])).toMatchObject({ code: 0 })
  expect(readFileSync(file, 'utf8')).toBe(printed.stdout)
  expect(await runCli(['schema', '--check', '--file', file])).toMatchObject({ code: 0 })
  writeFileSync(file, `${printed.stdout}# changed by hand\n`)
  expect(await runCli(['schema', '--check', '--file', file])).toMatchObject({ code: 1 })
})
