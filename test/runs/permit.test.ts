import { execFile } from 'node:child_process'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary.ts'

const root = resolve(import.meta.dirname, '../..')
const types = join(root, 'test/runs/permit.types.ts')

/** What `tsc` says of this text, compiled as the project is. */
async function compile(text: string): Promise<{ ok: boolean; said: string }> {
  using directory = temporaryDirectory()
  const file = join(directory.path, 'permit.mts')
  writeFileSync(file, text.replaceAll('../../src/', `${root}/src/`))
  const compilerOptions = { rewriteRelativeImportExtensions: false, typeRoots: [join(root, 'node_modules/@types')] }
  const config = { extends: join(root, 'tsconfig.json'), compilerOptions, include: [], files: [file] }
  const project = join(directory.path, 'tsconfig.json')
  writeFileSync(project, JSON.stringify(config))
  const tsc = join(root, 'node_modules/.bin/tsc')
  return await new Promise((done) =>
    execFile(tsc, ['--noEmit', '--project', project], (error, stdout, stderr) =>
      done({ ok: error === null, said: `${stdout}${stderr}` }),
    ),
  )
}

test('dispatch cannot be called without a permit: the compiler refuses each of these calls', async () => {
  const text = readFileSync(types, 'utf8')
  const checked = await compile(text)
  expect(checked).toEqual({ ok: true, said: '' })
  const unguarded = await compile(text.replaceAll(/^ *\/\/ @ts-expect-error.*$/gm, ''))
  expect(unguarded.ok).toBe(false)
  expect(unguarded.said.match(/permit\.mts\(\d+,\d+\): error/g)).toHaveLength(
    text.match(/@ts-expect-error/g)?.length ?? 0,
  )
})

const sources = globSync('**/*.ts', { cwd: join(root, 'src') }).map((path) => ({
  path: path.replaceAll('\\', '/'),
  text: readFileSync(join(root, 'src', path), 'utf8'),
}))
const importing = (name: string, from: string) =>
  sources
    .filter(({ text }) =>
      [...text.matchAll(/(?:import|export)\s([^;]*?)\sfrom\s+'([^']+)'/g)].some(
        ([, names = '', module = '']) => module.endsWith(from) && new RegExp(`\\b${name}\\b|\\*`).test(names),
      ),
    )
    .map(({ path }) => path)
    .sort()

test('the key to a tool is in two hands only: the one that makes the tool, and the gate', () => {
  expect(importing('execute', '/agent.ts')).toEqual(['agents/read-tool.ts', 'runs/dispatch.ts'])
  const usedIn = sources.filter(({ text }) => text.includes('[execute]')).map(({ path }) => path)
  expect(usedIn.sort()).toEqual(['agents/agent.ts', 'agents/read-tool.ts', 'runs/dispatch.ts'])
  expect(sources.filter(({ text }) => text.includes('getOwnPropertySymbols')).map(({ path }) => path)).toEqual([])
})

test('a permit is made in one place, and used in one', () => {
  const made = sources.filter(({ text }) => /\bas (unknown as )?Permit\b/.test(text)).map(({ path }) => path)
  expect(made).toEqual(['runs/dispatch.ts'])
  expect(importing('admit', '/dispatch.ts')).toEqual(['runs/drive.ts'])
  expect(importing('dispatch', '/dispatch.ts')).toEqual(['runs/drive.ts'])
})
