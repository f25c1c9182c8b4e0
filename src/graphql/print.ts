import { writeFile } from 'node:fs/promises'
import { printSchema } from 'graphql'
import { schema } from './schema.ts'

/** The schema as it is checked in, in `schema.graphql`. */
export const printedSchema = (): string =>
  `# Written by \`npm run schema\` from src/graphql: change it there.\n\n${printSchema(schema)}\n`

export const writeSchema = (path: string | URL): Promise<void> => writeFile(path, printedSchema())
