import { describe, expect, test } from 'vitest'
import { maskedJson, maskedText } from '../../src/audit/masking.ts'

describe('a text', () => {
  test.each([
    ['key lh_0123456789abcdefXYZ is out', 'key <secret> is out'],
    ['Bearer abc.def-ghi', '<secret>'],
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', '<secret>'],
    ['https://user:pass@example.com/x', 'https://<secret>@example.com/x'],
    ['redis://:pass@10.0.0.1:6379', 'redis://<secret>@10.0.0.1:6379'],
    ['https://example.com/x?token=1&y=2 and more', 'https://example.com/x?<secret> and more'],
    ['mail a@example.com, nothing else', 'mail a@example.com, nothing else'],
    ['a\0b\ud800c \ud83d\ude00', 'a\ufffdb\ufffdc \ud83d\ude00'],
  ])('%j', (text, masked) => {
    expect(maskedText(text)).toBe(masked)
  })

  test('is cut where it is too long', () => {
    expect(maskedText('x'.repeat(5_000))).toHaveLength(1_000)
  })
})

describe('a state', () => {
  const jsonOf = (value: unknown) => JSON.parse(maskedJson(value) ?? 'none')

  test('has no secrets, whatever they are called', () => {
    const state = {
      name: 'alpha',
      password: 'p',
      api_keys: ['k1', 'k2'],
      adminKeys: [],
      signingSecret: 's',
      nested: [{ credentials: { user: 'u', number: 12 }, token: null, secret: '' }],
      url: 'https://u:p@example.com/?k=1',
    }
    expect(jsonOf(state)).toEqual({
      name: 'alpha',
      password: '<secret>',
      api_keys: ['<secret>', '<secret>'],
      adminKeys: [],
      signingSecret: '<secret>',
      nested: [{ credentials: { user: '<secret>', number: '<secret>' }, token: null, secret: '' }],
      url: 'https://<secret>@example.com/?<secret>',
    })
  })

  test('keeps what is about a secret, and masks of the configuration', () => {
    const state = {
      previous_secret_until: '2026-11-21T00:00:00Z',
      password: '<secret:0123456789ab>',
      changes: [{ path: 'carriers[a].password', before: null, after: '<secret:0123456789ab>' }],
      at: new Date(0),
      micros: 12n,
    }
    expect(jsonOf(state)).toEqual({ ...state, at: '1970-01-01T00:00:00.000Z', micros: '12' })
  })

  test('that is too long says how long it is', () => {
    expect(jsonOf({ list: Array.from({ length: 10_000 }, () => 'abcdefgh') })).toEqual({
      left_out: 'it is too long',
      characters: 110_010,
    })
  })

  test('is not there, or null', () => {
    expect([maskedJson(undefined), maskedJson(null)]).toEqual([null, 'null'])
  })
})
