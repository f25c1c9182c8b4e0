#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { demoCommand } from './demo.ts'
import { fail } from './fail.ts'
import { keysCommand } from './keys.ts'
import { migrateCommand } from './migrate.ts'
import { schemaCommand } from './schema.ts'
import { startCommand } from './start.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

const program = new Command('countersign')
  .description('Human approval for AI agents: a user triggers, an admin authorizes.')
  .version(version)
  .addCommand(startCommand(), { isDefault: true })
  .addCommand(demoCommand())
  .addCommand(migrateCommand())
  .addCommand(keysCommand())
  .addCommand(schemaCommand())

await program.parseAsync().catch(fail)
