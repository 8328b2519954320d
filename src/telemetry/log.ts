import { pino } from 'pino'
import type { Logger } from '../core/logger.ts'

/** Names of fields whose value never appears in a log line, at any place in a logged object. */
const SECRET_FIELDS = ['password', 'api_key', 'apiKey', 'authorization', 'text', 'body']

/** A logger whose level can change. */
export interface LeveledLogger extends Logger {
  /** Writes lines of that level and above from now on, as pino names them. */
  setLevel(level: string): void
}

/** Makes the gateway's logger: JSON lines on standard output, secrets removed. */
export function createLogger(level: string): LeveledLogger {
  const log = pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]),
      censor: '[removed]',
    },
  })
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
    setLevel: (next) => {
      log.level = next
    },
  }
}
