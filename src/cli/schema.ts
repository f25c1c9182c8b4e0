import { readFileSync, writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { printedSchema } from '../graphql/print.ts'
import { stop } from './fail.ts'

/** Prints the API's schema, or keeps the file that is checked in up to date. */
export const schemaCommand = (): Command =>
  new Command('schema')
    .description('print the GraphQL schema')
    .option('--write', 'write it to the file')
    .option('--check', 'fail when the file is not up to date')
    .option('--file <path>', 'the file', 'schema.graphql')
    .action(({ write, check, file }: { write?: boolean; check?: boolean; file: string }) => {
      const printed = printedSchema()
      if (write) return writeFileSync(file, printed)
      if (!check) return void process.stdout.write(printed)
      if (read(file) !== printed) stop([`${file} is not up to date: run \`npm run schema\` and commit it.`])
    })

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
