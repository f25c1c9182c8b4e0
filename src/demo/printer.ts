import { styleText } from 'node:util'

/** Where the story is told. */
export type Printer = {
  title(text: string): void
  /** One line: who does what. */
  line(who: string, what: string): void
}

/** Bold on a terminal that wants it, plain text anywhere else. */
export function createPrinter(stream: NodeJS.WritableStream): Printer {
  const bold = (text: string) => styleText('bold', text, { stream })
  return {
    title: (text) => void stream.write(`\n${bold(text)}\n`),
    line: (who, what) => void stream.write(`  ${bold(who.padEnd(10))}${what}\n`),
  }
}
