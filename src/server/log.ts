import { type Logger, pino } from 'pino'
import { withoutCredentials } from './credentials.ts'

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

const secrets = ['authorization', 'Authorization', 'token', 'apiKey', 'password', 'cookie']

/** A log of one JSON object a line on stdout, without what would let somebody in. */
export const createLog = (level: LogLevel): Logger =>
  pino({
    name: 'countersign',
    level,
    hooks: { streamWrite: withoutCredentials },
    redact: { paths: secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[redacted]' },
  })
