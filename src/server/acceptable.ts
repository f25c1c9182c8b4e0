import { GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { errorResponse } from './error-response.ts'
import type { HttpContext } from './http-context.ts'

const events = 'text/event-stream'
const json = ['application/json', 'application/graphql-response+json']

/**
 * Who takes nothing that an operation can be answered with is refused before it is executed. Yoga looks only afterwards: what a mutation did was
 * done, and a subscription that nobody reads stayed open.
 */
export const useAcceptable = (): Plugin<Pick<HttpContext, 'onSocket'>, HttpContext> => ({
  onRequestParse({ request, endResponse }) {
    if (!takes(request, [events, ...json]))
      endResponse(
        errorResponse(406, 'BAD_USER_INPUT', `Answers are JSON or events: send Accept: ${json[0]}, ${events}.`),
      )
  },
  onSubscribe({ args: { contextValue }, setResultAndStopExecution }) {
    if (contextValue.onSocket || takes(contextValue.request, [events])) return
    const message = `A subscription is answered with events: send Accept: ${events}.`
    const extensions = { code: 'BAD_USER_INPUT', http: { status: 406, spec: false } }
    setResultAndStopExecution({ errors: [new GraphQLError(message, { extensions })] })
  },
})

/** Whether a request says that it takes one of these; who says nothing takes any. In UTF-8, as all that is sent. */
function takes({ headers }: Request, types: readonly string[]): boolean {
  const ranges = (headers.get('accept') || '*/*').replace(/\s/g, '').toLowerCase().split(',')
  return ranges.some((range) => {
    const [type = '', ...parameters] = range.split(';')
    // As Yoga reads them, who asks again afterwards.
    const isReadable = parameters.every((one) => !one.includes('charset=') || one === 'charset=utf-8')
    return isReadable && (type === '*/*' || types.some((one) => one === type || one.replace(/\/.*/, '/*') === type))
  })
}
