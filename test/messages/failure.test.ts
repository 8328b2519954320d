import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { BOUNCE_STATUSES } from '../../src/carriers/bounce-callbacks.ts'
import { CODE_BY_STATUS } from '../../src/carriers/smpp-failure.ts'
import { FAILURE_CODES, type FailureCode, isFailureCode } from '../../src/core/failure-code.ts'
import {
  CODE_BY_MAP_ERROR,
  CODE_BY_STATE,
  failureInfo,
  receiptFailureCode,
} from '../../src/messages/failure.ts'
import { isFinal } from '../../src/messages/states.ts'
import { STATES } from '../../src/smpp/receipt-state.ts'
import { statusInfo } from '../../src/smpp/status.ts'
import { providerErrorRows } from '../providers/error-rows.ts'

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
    const expected = [
      ...FAILURE_CODES.map(codeRow),
      ...Object.entries(CODE_BY_STATUS).map(statusRow),
      ...Object.entries(CODE_BY_STATE).map(stateRow),
      ...Object.entries(CODE_BY_MAP_ERROR).map(mapRow),
      ...providerErrorRows(),
      ...Object.entries(BOUNCE_STATUSES).map(stateRow),
    ]
    expect(rows).toEqual(expected)
  })
})
