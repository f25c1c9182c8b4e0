import { lexicographicSortSchema, printSchema } from 'graphql'
import { schema } from './schema.ts'

/** The schema as it is checked in, in `schema.graphql`: sorted, so that it does not depend on who imports whom first. */
export const printedSchema = (): string =>
  `# Written by \`npm run schema\` from src/graphql: change it there.\n\n${printSchema(lexicographicSortSchema(schema))}\n`
