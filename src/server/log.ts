import { type DestinationStream, type Logger, pino } from 'pino'
import { withoutCredentials } from './credentials.ts'

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

const secrets = ['authorization', 'Authorization', 'token', 'apiKey', 'password', 'cookie']

/** A log of one JSON object a line, without what would let somebody in; on stdout, unless it is told where. */
export const createLog = (level: LogLevel, destination: DestinationStream = pino.destination(1)): Logger =>
  pino(
    {
      name: 'countersign',
      level,
      hooks: { streamWrite: withoutCredentials },
      redact: { paths: secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[redacted]' },
    },
    destination,
  )
