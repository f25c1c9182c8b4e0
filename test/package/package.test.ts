import { execFile } from 'node:child_process'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary.ts'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '../..')

/** What `npm pack` makes, installed into an empty project as a user would. */
async function emptyProject() {
  const directory = temporaryDirectory()
  const { path } = directory
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', path], { cwd: root })
  const [{ filename, files }] = JSON.parse(stdout.slice(stdout.indexOf('[')))
  await writeFile(join(path, 'package.json'), JSON.stringify({ name: 'mine', private: true, type: 'module' }))
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', join(path, filename), 'zod@4'], {
    cwd: path,
  })
  return { ...directory, path, files: files.map((file: { path: string }) => file.path) as string[] }
}

describe('the package, in an empty project', () => {
  let project: Awaited<ReturnType<typeof emptyProject>>
  beforeAll(async () => {
    project = await emptyProject()
    return () => project[Symbol.dispose]()
  }, 180_000)

  test('holds what runs and its types, and none of the sources or tests', () => {
    expect(project.files).toEqual(
      expect.arrayContaining([
        'dist/index.js',
        'dist/index.d.ts',
        'dist/cli/main.js',
        'schema.graphql',
        'LICENSE',
        'README.md',
      ]),
    )
    expect(project.files.filter((file) => /^(src|test|bench)\//.test(file))).toEqual([])
  })

  test("the README's tool under a gate runs as it stands", async () => {
    await writeFile(join(project.path, 'readme.js'), await firstExample())
    const { stdout } = await run(process.execPath, ['readme.js'], { cwd: project.path })
    expect(stdout).toContain('PAUSED delete_user {"userId":"u_42"}')
    expect(stdout).toContain('ResolveApprovalSuccess')
  }, 30_000)

  test('its types infer the input of a tool and refuse a wrong one', async () => {
    const example = `import { createServer, defineAgent, scriptedModel, tool } from 'countersign'
      import { z } from 'zod'
      const inputSchema = z.object({ userId: z.string() })
      const good = tool({ inputSchema, approval: 'required', execute: async ({ userId }) => userId.toUpperCase() })
      // @ts-expect-error: there is no such field in the input
      tool({ inputSchema, execute: async ({ user }) => user })
      // @ts-expect-error: no such approval
      tool({ inputSchema, approval: 'sometimes', execute: async () => 1 })
      createServer({ agents: [defineAgent({ name: 'a', model: scriptedModel([]), tools: { good } })] })`
    await writeFile(join(project.path, 'types.ts'), example)
    const options = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2024',
      '--lib',
      'es2024,esnext.disposable',
      '--skipLibCheck',
    ]
    // The package brings types of its own dependencies along.
    await mkdir(join(project.path, 'node_modules/@types'), { recursive: true })
    await symlink(join(root, 'node_modules/@types/node'), join(project.path, 'node_modules/@types/node'))
    const checked = run(join(root, 'node_modules/.bin/tsc'), [...options, '--types', 'node', 'types.ts'], {
      cwd: project.path,
    })
    expect((await checked.catch((error) => error)).stdout).toBe('')
  }, 60_000)

  test('its command says what it can do', async () => {
    const { stdout } = await run(process.execPath, ['node_modules/countersign/dist/cli/main.js', '--help'], {
      cwd: project.path,
    })
    for (const command of ['start', 'demo', 'schema']) expect(stdout).toContain(command)
  })
})

async function firstExample(): Promise<string> {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  return /```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
}
