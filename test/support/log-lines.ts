import { type Logger, pino } from 'pino'

/** A log that is kept, for tests of what it says; `text` is all of it as it was written. */
export function logLines(): { readonly logger: Logger; lines(): Record<string, unknown>[]; text(): string } {
  const written: string[] = []
  return {
    logger: pino({ level: 'trace' }, { write: (line: string) => void written.push(line) }),
    lines: () => written.map((line) => JSON.parse(line)),
    text: () => written.join(''),
  }
}
