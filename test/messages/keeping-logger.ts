import type { LogCall, Logger } from '../../src/core/logger.ts'

/** A logger that keeps its lines: level, message and fields. */
export function keepingLogger(): Logger & { readonly lines: [string, string, object][] } {
  const lines: [string, string, object][] = []
  const log =
    (level: string): LogCall =>
    (fields, message) => {
      lines.push([level, message, fields])
    }
  return {
    lines,
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
  }
}
