import { GatewayError } from '../core/errors.ts'
import { parseSmppTime, resolveSmppTime } from '../smpp/time.ts'

/** Longer validities are cut, as SMSCs do: 30 days, the most that the HTTP API takes. */
export const MAX_VALIDITY_SECONDS = 2_592_000

/**
 * The instant of a schedule_delivery_time; null: at once.
 *
 * @param now - what relative times count from
 * @throws {GatewayError} `send_at_invalid`
 * @see SMPP v3.4, section 5.2.15
 */
export function readSchedule(text: string, now: Date): Date | null {
  if (text === '') return null
  const time = parseSmppTime(text)
  if (time) return resolveSmppTime(time, now)
  throw new GatewayError('send_at_invalid', `schedule_delivery_time "${text}" is no time`)
}

/**
 * Seconds from the instant of sending to the end of the validity, which the PDU counts from now; null: it says
 * none.
 *
 * @throws {GatewayError} `validity_invalid`
 * @see SMPP v3.4, section 5.2.16 (validity_period)
 */
export function readValidity(text: string, now: Date, startAt: Date): number | null {
  if (text === '') return null
  const time = parseSmppTime(text)
  if (!time) throw new GatewayError('validity_invalid', `validity_period "${text}" is no time`)
  const seconds = Math.round((resolveSmppTime(time, now).getTime() - startAt.getTime()) / 1_000)
  if (seconds > 0) return Math.min(seconds, MAX_VALIDITY_SECONDS)
  throw new GatewayError('validity_invalid', `validity_period "${text}" ends before it begins`)
}
