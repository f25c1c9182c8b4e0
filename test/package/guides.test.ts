import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { run } from '../support/spawn-server.ts'

const root = resolve(import.meta.dirname, '../..')
const examplesOf = (guide: string) => {
  const text = readFileSync(join(root, 'docs', guide), 'utf8')
  return [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, example = ''], index) => [index, guide, example] as const)
}
const examples = examplesOf('approvals.md')

test('the guide shows an example of each pause, of a deadline, of sensitive arguments, of agents that ask agents, of MCP tools and of a crash', () => {
  expect(examples).toHaveLength(8)
})

test.each([...examples, ...examplesOf('agents.md')])(
  'what example %i of docs/%s says it prints is what it prints',
  async (index, guide, text) => {
    // Within the package, so that it finds itself by its name.
    const path = join(root, `.example-${process.pid}-${guide}-${index}.mjs`)
    onTestFinished(() => rmSync(path, { force: true }))
    writeFileSync(path, text)
    const child = run(['--conditions=countersign-source', path], { NO_COLOR: '1' })
    const { code } = await child.exited
    expect({ code, stderr: child.stderr() }).toEqual({ code: 0, stderr: '' })
    const promised = [...text.matchAll(/^console\.log\(.*\) \/\/ (.*)$/gm)].map(([, line]) => line)
    const printed = child
      .stdout()
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('{"level"'))
    expect(promised.length).toBeGreaterThan(0)
    expect(printed).toEqual(promised)
  },
)
