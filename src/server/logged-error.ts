import { pino } from 'pino'

type Told = { readonly type?: string; readonly message?: string; readonly stack?: string; readonly code?: unknown }

/**
 * What a log is told of an error: what it is, what it says and where it was thrown, with its causes. Of its other fields only the code: a
 * provider's error has the whole prompt in them, a driver's a document.
 */
export function loggedError(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error)
  const { type, message, stack, code }: Told = pino.stdSerializers.err(error)
  const known = typeof code === 'string' || typeof code === 'number' ? { code } : {}
  return { type, message: withoutText(message), stack: withoutText(stack), ...known }
}

/** Of JSON that does not parse the engine quotes a piece. */
const withoutText = (text = ''): string =>
  text.replace(
    /(?:Unexpected token )?(?:'[\s\S]',? )?(?:\.{3})?"[\s\S]{0,200}?"(?:\.{3})? is not valid JSON/g,
    'It is not valid JSON',
  )
