/** One logging call: fields first, then a constant message. */
type LogCall = (fields: Record<string, unknown>, message: string) => void

/**
 * What the SMPP core logs through; the gateway's own logger fits.
 *
 * It never receives a password or the text of a message.
 */
export interface SmppLogger {
  readonly debug: LogCall
  readonly info: LogCall
  readonly warn: LogCall
  readonly error: LogCall
}

/** Says nothing; the default of parts built without a logger. */
export const silentSmppLogger: SmppLogger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
}
