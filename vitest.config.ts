import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

// A third of the time that a server process takes to start is compiling what others have compiled.
process.env.NODE_COMPILE_CACHE ??= `${import.meta.dirname}/node_modules/.cache/countersign/compiled`

/** The longest file first: begun late, it would end long after all others, alone. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { longest = [], others = [] } = Object.groupBy(await super.sort(files), ({ moduleId }) =>
      moduleId.endsWith('/chaos/every-point.test.ts') ? 'longest' : 'others',
    )
    return [...longest, ...others]
  }
}

export default defineConfig({
  // As Node resolves it: else our sources get graphql's `module` files, and Pothos its `main` ones, which are two graphqls.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What is waited for comes, on a busy machine by and by.
    expect: { poll: { timeout: 20_000 } },
    pool: 'forks',
    execArgv: ['--experimental-eventsource'],
    // Most of a test is waiting: for a database, a process, a lease.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // Loading the program anew for each file took as long as the tests. It keeps nothing outside of what a test makes.
    isolate: false,
    globalSetup: 'test/support/global-setup.ts',
  },
})
