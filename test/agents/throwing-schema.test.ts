import { expect, test } from 'vitest'
import { z } from 'zod'
import { readInputSchema } from '../../src/agents/input-schema.ts'

test('a schema that throws about an input says what is wrong with it: it does not fail the run, and its words are in no log', async () => {
  const ssn = z.string().refine((text) => {
    throw new Error(`${text} is no number.`)
  })
  const { parse } = readInputSchema(z.object({ ssn }))
  expect(await parse({ ssn: '078-05' })).toEqual({ ok: false, issues: [{ path: [], message: '078-05 is no number.' }] })
})
