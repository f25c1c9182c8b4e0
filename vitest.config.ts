import { defineConfig } from 'vitest/config'

export default defineConfig({
  // As Node resolves it: else our sources get graphql's `module` files, and Pothos its `main` ones, which are two graphqls.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Most of a test is waiting: for a database, a process, a lease.
    maxWorkers: 2,
    globalSetup: 'test/support/global-setup.ts',
  },
})
