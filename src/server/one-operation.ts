import { badRequest } from './error-response.ts'
import type { ServerPlugin } from './http-context.ts'

export const whichOperation =
  'Say which operation to execute: `operationName` must be the name of one of those in the document, and may be left out when it has only one.'

/** One request is one operation. */
export const useOneOperation = (): ServerPlugin => ({
  onRequestParse: () => ({
    onRequestParseDone({ requestParserResult }) {
      if (Array.isArray(requestParserResult))
        throw badRequest('Requests are not taken in batches: send one JSON object, with one operation, in each.')
    },
  }),
})
