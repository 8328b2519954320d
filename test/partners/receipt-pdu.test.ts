import { describe, expect, test } from 'vitest'
import type { TellingPayload } from '../../src/messages/telling.ts'

import { type ReceiptDialect, receiptPdu } from '../../src/partners/receipt-pdu.ts'

describe('receiptPdu', () => {
  const AS_THE_BOOK: ReceiptDialect = { tlvs: 'auto' }
  const PAYLOAD: TellingPayload = {
    messageId: '0190a4f0-1234-7000-8000-0123456789ab',
    partnerMessageId: null,
    from: 'ACME',
    to: '+447700900123',
    status: 'delivered',
    errorCode: null,
    errorDetail: null,
    rawError: null,
    clientReference: null,
    segments: 1,
    carrier: 'alpha',
    submittedAt: '2026-01-02T03:04:05.000Z',
    doneAt: '2026-01-02T03:05:06.000Z',
  }

  function textOf(payload: TellingPayload, dialect = AS_THE_BOOK): string {
    const pdu = receiptPdu(payload, 0x34, dialect)
    return 'short_message' in pdu ? String(pdu.short_message) : ''
  }

  test('goes from the recipient to the sender and names our id', () => {
    expect(receiptPdu(PAYLOAD, 0x34, AS_THE_BOOK)).toMatchObject({
      command: 'deliver_sm',
      esm_class: 0x04,
      source_addr_ton: 1,
      source_addr: '447700900123',
      dest_addr_ton: 5,
      destination_addr: 'ACME',
    })
    expect(textOf(PAYLOAD)).toBe(
      `id:${PAYLOAD.messageId} sub:001 dlvrd:001 submit date:2601020304 done date:2601020305 ` +
        'stat:DELIVRD err:000 text:',
    )
  })

  test.each([
    ['delivered', 'DELIVRD'],
    ['undelivered', 'UNDELIV'],
    ['expired', 'EXPIRED'],
    ['failed', 'REJECTD'],
    ['canceled', 'DELETED'],
    ['unconfirmed', 'UNKNOWN'],
  ] as const)('%s is %s', (status, stat) => {
    expect(textOf({ ...PAYLOAD, status })).toContain(`stat:${stat} `)
  })

  test("the carrier's error is passed on where it is a number of three digits", () => {
    expect(textOf({ ...PAYLOAD, rawError: '34' })).toContain('err:034 ')
    expect(textOf({ ...PAYLOAD, rawError: '0A1' })).toContain('err:000 ')
    expect(textOf({ ...PAYLOAD, rawError: '12345' })).toContain('err:000 ')
  })

  test.each([
    ['+447700900001', 1, '447700900001'],
    ['60123', 0, '60123'],
    ['Größe', 5, 'Größe'],
  ])('the sender %s is its destination again', (from, ton, address) => {
    expect(receiptPdu({ ...PAYLOAD, from }, 0x34, AS_THE_BOOK)).toMatchObject({
      dest_addr_ton: ton,
      destination_addr: address,
    })
  })

  test('an old peer gets no parameters that it does not know', () => {
    expect(receiptPdu(PAYLOAD, 0x33, AS_THE_BOOK)).toMatchObject({ tlvs: [] })
    expect(receiptPdu(PAYLOAD, 0x34, AS_THE_BOOK)).toMatchObject({
      tlvs: [{ tag: 0x1e }, { tag: 0x427 }],
    })
  })

  test('an account can have them always, or never', () => {
    const tlvsOf = (version: number, tlvs: ReceiptDialect['tlvs']) =>
      receiptPdu(PAYLOAD, version, { tlvs }).tlvs?.length
    expect([tlvsOf(0x33, 'always'), tlvsOf(0x34, 'always')]).toEqual([2, 2])
    expect([tlvsOf(0x33, 'never'), tlvsOf(0x50, 'never')]).toEqual([0, 0])
  })

  test('names the id that the partner knows', () => {
    expect(textOf({ ...PAYLOAD, partnerMessageId: '3B9ACA00' })).toMatch(/^id:3B9ACA00 sub:/)
  })

  test("an account's own words, seconds and digits of err", () => {
    const dialect: ReceiptDialect = {
      tlvs: 'auto',
      dates: 'seconds',
      errorDigits: 4,
      words: { UNDELIV: 'FAILED', DELIVRD: undefined },
    }
    const failed = { ...PAYLOAD, status: 'undelivered', rawError: '34' } as const
    expect(textOf(failed, dialect)).toContain(
      'submit date:260102030405 done date:260102030506 stat:FAILED err:0034 text:',
    )
    expect(textOf(PAYLOAD, dialect)).toContain('stat:DELIVRD ')
    expect(textOf(PAYLOAD, { tlvs: 'auto', errorDigits: 1 })).toContain('err:0 ')
  })
})
