import type { CodegenConfig } from '@graphql-codegen/cli'

/** Types for the operations in `src/demo`: `npm run codegen` after a change of the schema or of one of them. */
const config: CodegenConfig = {
  schema: 'schema.graphql',
  documents: ['src/demo/**/*.ts', '!src/demo/generated/**'],
  importExtension: '.ts',
  generates: {
    'src/demo/generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        // Strings and types only: nothing of it needs graphql when it runs, and Node runs it as it is.
        documentMode: 'string',
        enumsAsTypes: true,
        useTypeImports: true,
        scalars: { DateTime: 'string', JSON: 'unknown', JSONObject: 'Record<string, unknown>' },
      },
    },
  },
}

export default config
