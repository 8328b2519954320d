import { expect, test } from 'vitest'
import { httpCarrierSchema, toHttpCarrier } from '../src/config/http-carriers.ts'
import { marksFor } from '../src/live-carriers.ts'

const LEAST = 65_536

function carrier(account: object, connections: number) {
  const settings = { name: 'http', type: 'http', rates: [], connections, ...account }
  return toHttpCarrier(httpCarrierSchema.parse(settings))
}

test('marks are kept for as many messages as calls can have, and no more', () => {
  const twilio = { twilio: { account_sid: 'AC1', auth_token: 'token' } }
  const tencent = {
    tencent: { secret_id: 'id', secret_key: 'key', sms_sdk_app_id: '1400006666' },
    text_template: { id: '1', variable: 'text' },
  }
  expect(marksFor([])).toBe(LEAST)
  expect(marksFor([carrier(twilio, 1_000)])).toBe(LEAST)
  expect(marksFor([carrier(tencent, 100)])).toBe(8 * 100 * 200)
  expect(marksFor([carrier({ ...tencent, batch_max: 100 }, 100)])).toBe(8 * 100 * 100)
  expect(marksFor([carrier({ ...tencent, batch_wait_ms: 0 }, 100)])).toBe(LEAST)
})
