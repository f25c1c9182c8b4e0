import type { Count as CountShape } from '../connection.ts'
import { builder } from './builder.ts'
import { isPublic } from './default-deny.ts'
import { CountPrecision } from './enums.ts'

export const Count = builder.objectRef<CountShape>('Count').implement({
  extensions: isPublic,
  description: 'How many there are, counted up to 1,000.',
  fields: (t) => ({
    count: t.exposeInt('count', { description: 'The number; 1,000 when there are more.' }),
    precision: t.expose('precision', { type: CountPrecision, description: 'Whether there may be more.' }),
  }),
})

builder.globalConnectionField('totalCount', (t) =>
  t.field({
    type: Count,
    description: 'How many there are on all pages together. Counted only when asked for.',
    resolve: ({ totalCount }) => totalCount(),
  }),
)
