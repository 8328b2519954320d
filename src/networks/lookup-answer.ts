import { GatewayError } from '../core/errors.ts'

const NOT_FOUND = 404
const MCCMNC = /^\d{5,6}$/

/**
 * MCC and MNC in the answer of a look-up; null: the number is not known there (404, or null at the
 * place).
 *
 * @param field - where it is, `.` between the steps
 * @throws {GatewayError} `lookup_failed` for any other answer
 */
export function readLookupAnswer(
  { status, body }: { readonly status: number; readonly body: unknown },
  field: string,
): string | null {
  if (status === NOT_FOUND) return null
  if (status < 200 || status > 299) throw failed(`the answer has the status ${status}`)
  let value = body
  for (const step of field.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) {
      throw failed(`the answer has no field "${field}"`)
    }
    value = (value as Record<string, unknown>)[step]
  }
  if (value === null) return null
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text === 'string' && MCCMNC.test(text)) return text
  throw failed(`"${field}" of the answer is no MCC and MNC of five or six digits`)
}

function failed(message: string): GatewayError {
  return new GatewayError('lookup_failed', message, { retryable: true })
}
