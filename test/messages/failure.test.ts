import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { FAILURE_CODES, type FailureCode, isFailureCode } from '../../src/core/failure-code.ts'
import {
  CODE_BY_MAP_ERROR,
  CODE_BY_STATE,
  CODE_BY_STATUS,
  failureCode,
  failureInfo,
  receiptFailureCode,
} from '../../src/messages/failure.ts'
import { PROVIDER_CODES, providerFailureCode } from '../../src/messages/failure-codes.ts'
import { isFinal } from '../../src/messages/states.ts'
import { STATES } from '../../src/smpp/receipt-state.ts'
import { CommandStatus, statusInfo } from '../../src/smpp/status.ts'

interface ProviderError {
  readonly type: string
  readonly retryable: boolean
  readonly meaning: string
}

const providerErrors = JSON.parse(
  readFileSync(new URL('../fixtures/providers/errors.json', import.meta.url), 'utf8'),
) as Record<string, Record<string, ProviderError>>

const errors = Object.entries(providerErrors).flatMap(([provider, codes]) =>
  Object.entries(codes).map(([code, error]) => ({ provider, code, error })),
)

describe('command_status', () => {
  it.each([
    [0x01, 'message_length_invalid'],
    [0x08, 'carrier_error'],
    [0x0a, 'sender_invalid'],
    [0x0b, 'destination_invalid'],
    [0x14, 'carrier_queue_full'],
    [0x45, 'carrier_refused'],
    [0x58, 'carrier_throttled'],
    [0x101, 'carrier_unauthorised'],
    [0x104, 'encoding_refused'],
    [0x400, 'carrier_specific'],
    [0x4ff, 'carrier_specific'],
    [0x500, 'carrier_refused'],
    [0xfffffff, 'carrier_refused'],
    [null, 'not_encodable'],
  ])('%s is %s', (status, code) => expect(failureCode(status)).toBe(code))

  it('maps only values that the specification defines', () => {
    const defined = new Set<number>(Object.values(CommandStatus))
    for (const status of Object.keys(CODE_BY_STATUS).map(Number)) {
      expect(defined, `0x${status.toString(16)}`).toContain(status)
    }
  })

  it('agrees with the protocol core about what may work later', () => {
    for (const status of Object.keys(CODE_BY_STATUS).map(Number)) {
      const { retry, name } = statusInfo(status)
      // "submit failed" says nothing either way; unauthorised is the operator's, not the message's.
      if (name === 'ESME_RSUBMITFAIL' || retry === 'auth') continue
      const expected = retry === 'permanent' ? 'permanent' : 'passing'
      expect(failureInfo(failureCode(status)).class, name).toBe(expected)
    }
  })
})

describe('receipts', () => {
  it.each([
    ['UNDELIVERABLE', null, 'undeliverable'],
    ['UNDELIVERABLE', '', 'undeliverable'],
    ['UNDELIVERABLE', '000', 'undeliverable'],
    ['UNDELIVERABLE', '001', 'recipient_unknown'],
    ['UNDELIVERABLE', '1', 'recipient_unknown'],
    ['UNDELIVERABLE', '027', 'recipient_absent'],
    ['UNDELIVERABLE', '034', 'network_error'],
    ['UNDELIVERABLE', '069', 'carrier_specific'],
    ['UNDELIVERABLE', '1001', 'carrier_specific'],
    ['UNDELIVERABLE', 'ABS', 'carrier_specific'],
    ['REJECTED', '013', 'recipient_barred'],
    ['REJECTED', null, 'rejected'],
    ['EXPIRED', '027', 'recipient_absent'],
    ['EXPIRED', '001', 'expired'],
    ['EXPIRED', '254', 'expired'],
    ['DELETED', '001', 'deleted'],
    ['NO_SUCH_STATE', null, 'unknown'],
  ])('%s with err %s is %s', (state, rawError, code) => {
    expect(receiptFailureCode(state, rawError)).toBe(code)
  })

  it('have a code for every state that is final and no delivery', () => {
    const lost = Object.entries(STATES)
      .filter(([state, { final }]) => final !== false && state !== 'DELIVERED')
      .map(([state]) => state)
    expect(Object.keys(CODE_BY_STATE).sort()).toEqual(lost.sort())
  })
})

describe('providers', () => {
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
      'recipient_limit',
    ],
  }

  it.each(errors)('$provider $code is mapped as it is documented', ({ provider, code, error }) => {
    const ours = PROVIDER_CODES.get(provider)?.get(code) ?? providerFailureCode(provider, code)
    expect(isFailureCode(ours)).toBe(true)
    const allowed = ALLOWED[error.type]
    if (allowed !== undefined) expect(allowed).toContain(ours)
    if (error.type === 'invalid') {
      expect(failureInfo(ours).class, error.meaning).toBe('permanent')
      expect(ours).not.toBe('carrier_specific')
    }
    // A clock or a token is put right without the sender; a wrong key is not.
    if (error.retryable && error.type !== 'auth' && ours !== 'undeliverable') {
      expect(failureInfo(ours).class, error.meaning).toBe('passing')
    }
  })

  it('have no code that is not documented, and none twice', () => {
    for (const [provider, codes] of PROVIDER_CODES) {
      for (const code of codes.keys()) expect(providerErrors[provider]).toHaveProperty([code])
    }
    expect([...PROVIDER_CODES.values()].reduce((sum, codes) => sum + codes.size, 0)).toBe(
      errors.length,
    )
  })

  it.each([
    ['twilio', '99999', 'carrier_specific'],
    ['nobody', '1', 'carrier_specific'],
    ['nobody', 'HTTP 503', 'carrier_error'],
    ['nobody', 'HTTP 429', 'carrier_throttled'],
    ['nobody', 'HTTP 403', 'carrier_unauthorised'],
    ['nobody', 'HTTP 422', 'carrier_request_invalid'],
    ['nobody', 'HTTP 200', 'carrier_specific'],
    ['twilio', 'constructor', 'carrier_specific'],
  ])('%s %s is %s', (provider, code, ours) => {
    expect(providerFailureCode(provider, code)).toBe(ours)
  })
})

describe('the table', () => {
  it('has a final status for every code, and snake_case words', () => {
    for (const code of FAILURE_CODES) {
      expect(isFinal(failureInfo(code).status), code).toBe(true)
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/)
    }
    expect(isFailureCode('toString')).toBe(false)
  })

  it('stands in docs/errors.md as it is', () => {
    const guide = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
    const rows = guide.split('\n').filter((line) => /^\| `/.test(line))
    const codeRow = (code: FailureCode) => {
      const { meaning, actor, class: kind, status } = failureInfo(code)
      return `| \`${code}\` | ${meaning} | ${actor} | ${kind} | \`${status}\` |`
    }
    const statusRow = ([status, code]: [string, FailureCode]) => {
      const { name } = statusInfo(Number(status))
      return `| \`0x${Number(status).toString(16).padStart(8, '0')}\` | ${name} | \`${code}\` |`
    }
    const stateRow = ([state, code]: [string, FailureCode]) => `| \`${state}\` | \`${code}\` |`
    const mapRow = ([err, code]: [string, FailureCode]) =>
      `| \`${err.padStart(3, '0')}\` | \`${code}\` |`
    const providerRows = [...PROVIDER_CODES].flatMap(([provider, codes]) =>
      [...new Set(codes.values())].map((ours) => {
        const theirs = [...codes].filter(([, code]) => code === ours).map(([code]) => code)
        return `| \`${provider}\` | \`${ours}\` | ${theirs.join(', ')} |`
      }),
    )
    const expected = [
      ...FAILURE_CODES.map(codeRow),
      ...Object.entries(CODE_BY_STATUS).map(statusRow),
      ...Object.entries(CODE_BY_STATE).map(stateRow),
      ...Object.entries(CODE_BY_MAP_ERROR).map(mapRow),
      ...providerRows,
    ]
    expect(rows).toEqual(expected)
  })
})
