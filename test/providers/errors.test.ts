import { describe, expect, it } from 'vitest'
import type { FailureCode } from '../../src/core/failure-code.ts'
import { failureInfo } from '../../src/messages/failure.ts'
import { errorInfo } from '../../src/providers/provider-error.ts'
import { ERROR_TABLES } from './error-rows.ts'

/** Failure codes that a type of error may become; of the others the row has to say more. */
const ALLOWED: Readonly<Record<string, readonly FailureCode[]>> = {
  auth: ['carrier_unauthorised'],
  balance: ['carrier_credit_exhausted'],
  unsubscribed: ['recipient_opted_out'],
  network: ['carrier_unreachable'],
  timeout: ['carrier_timeout'],
  content_rejected: ['content_rejected', 'sending_window'],
  rate_limit: [
    'carrier_throttled',
    'carrier_quota_exceeded',
    'carrier_queue_full',
    'recipient_busy',
    'recipient_limit',
  ],
}

const rows = ERROR_TABLES.flatMap(({ name, errors }) =>
  Object.entries(errors).map(([code, row]) => ({ name, code, row })),
)

describe('error tables', () => {
  it.each(rows)('$name $code becomes what its type allows', ({ row }) => {
    const { type, retryable, failure } = errorInfo(row)
    const allowed = ALLOWED[type]
    if (allowed) expect(allowed).toContain(failure)
    // What the sender or the number is to blame for fails again.
    if (type === 'invalid' && !retryable) expect(failureInfo(failure).class).toBe('permanent')
    // A clock or a token is put right without the sender; a wrong key is not.
    if (retryable && type !== 'auth' && failure !== 'undeliverable') {
      expect(failureInfo(failure).class).toBe('passing')
    }
  })
})
