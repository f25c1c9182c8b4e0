#!/usr/bin/env node
import { readFileSync } from 'node:fs'

const { version, engines } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const needed = Number.parseInt(engines.node.replace('>=', ''), 10)
// Before the rest is loaded: an older one cannot load it, and does not say why.
if (Number.parseInt(process.versions.node, 10) < needed) {
  console.error(`countersign: Node ${needed} or later is needed, and this is ${process.versions.node}.`)
  process.exit(1)
}
const { runCommand } = await import('./commands.ts')
await runCommand(version)
