import { Command } from 'commander'
import { demoCommand } from './demo.ts'
import { fail } from './fail.ts'
import { keysCommand } from './keys.ts'
import { migrateCommand } from './migrate.ts'
import { schemaCommand } from './schema.ts'
import { startCommand } from './start.ts'

/** Does what the command line says. */
export async function runCommand(version: string): Promise<void> {
  const program = new Command('countersign')
    .description('Human approval for AI agents: a user triggers, an admin authorizes.')
    .version(version)
    .addCommand(startCommand(), { isDefault: true })
    .addCommand(demoCommand())
    .addCommand(migrateCommand())
    .addCommand(keysCommand())
    .addCommand(schemaCommand())
    .hook('preSubcommand', refuseUnknown)
  await program.parseAsync().catch(fail)
}

/** What is no command would be told to be an argument too many of the one that is meant when none is named. */
function refuseUnknown(program: Command): void {
  const [first = '-'] = program.args
  if (first.startsWith('-') || first === 'help' || program.commands.some((command) => command.name() === first)) return
  program.error(`error: unknown command '${first}'; 'countersign --help' lists the commands`)
}
