import { expect, test } from 'vitest'
import { RESPELLED_REFUSALS } from '../../src/config/partner-statuses.ts'
import { GatewayError } from '../../src/core/errors.ts'
import { commandStatusOf } from '../../src/partners/status.ts'

// The numbers of SMPP v3.4, section 5.1.3.
test.each([
  ['to_invalid', 0x0b],
  ['no_route', 0x0b],
  ['from_invalid', 0x0a],
  ['text_empty', 0x01],
  ['text_too_long', 0x01],
  ['text_not_encodable', 0x45],
  ['send_at_invalid', 0x61],
  ['validity_invalid', 0x62],
  ['not_found', 0x0c],
  ['not_cancelable', 0x11],
  ['already_final', 0x11],
  ['not_replaceable', 0x13],
  ['replace_flag_invalid', 0x54],
  ['tlv_missing', 0xc3],
  ['busy', 0x58],
  ['pumping_suspected', 0x45],
  ['loop_suspected', 0x45],
  ['queue_full', 0x14],
  ['storage_unavailable', 0x08],
  ['something_new', 0x08],
])('%s is %i', (code, status) => {
  expect(commandStatusOf(new GatewayError(code, 'no'))).toBe(status)
})

test('what is no refusal of ours is a system error', () => {
  expect(commandStatusOf(new TypeError('a bug'))).toBe(0x08)
  expect(commandStatusOf(undefined)).toBe(0x08)
})

test('those of an account go over the usual ones', () => {
  const own = { balance_insufficient: 0x450 }
  expect(commandStatusOf(new GatewayError('balance_insufficient', 'no'), own)).toBe(0x450)
  expect(commandStatusOf(new GatewayError('quota_exceeded', 'no'), own)).toBe(0x14)
  expect(commandStatusOf(new TypeError('a bug'), own)).toBe(0x08)
})

test.each(RESPELLED_REFUSALS)(
  'an account may have its own for %s, which has a usual one',
  (code) => {
    expect(commandStatusOf(new GatewayError(code, 'no'))).not.toBe(0x08)
  },
)
