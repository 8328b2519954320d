/** One logging call: fields first, then a constant message, as pino has it. */
export type LogCall = (fields: Record<string, unknown>, message: string) => void

/**
 * The logger that parts are handed.
 *
 * Passwords, API keys, codes and message texts never reach it; numbers go through
 * {@link maskNumber} first.
 */
export interface Logger {
  readonly debug: LogCall
  readonly info: LogCall
  readonly warn: LogCall
  readonly error: LogCall
}

/** A logger that says nothing; the default of parts built without one. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
}

const VISIBLE_DIGITS = 5

/** A number cut to its first digits, for logs: `+447700900123` becomes `+44770*******`. */
export function maskNumber(number: string): string {
  const visible = number.startsWith('+') ? VISIBLE_DIGITS + 1 : VISIBLE_DIGITS
  return number.slice(0, visible) + '*'.repeat(Math.max(0, number.length - visible))
}
