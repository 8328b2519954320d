import { describe, expect, it } from 'vitest'
import { crossCheck } from '../../src/config/cross-check.ts'
import { smtpCarrierSchema } from '../../src/config/smtp-carriers.ts'

const CARRIER = {
  name: 'mail',
  type: 'smtp',
  host: 'mail.example.com',
  from: 'noreply@example.com',
  rates: [],
}

describe('bounces of a carrier of mails', () => {
  it.each([
    ['bounce_address', 'bounces@example.com'],
    ['notify_success', true],
    ['callback_secret', 'a-secret-of-callbacks'],
  ])('%s is of no use without the key of tokens', (key, value) => {
    const mistakes = (more: object) =>
      crossCheck({ carriers: [{ ...CARRIER, [key]: value, ...more }] })
    expect(mistakes({})).toEqual([
      {
        path: `carriers[0].${key}`,
        message: 'needs carriers[0].bounce_secret, the key of the tokens',
      },
    ])
    expect(mistakes({ bounce_secret: 'a-secret-of-bounces' })).toEqual([])
  })

  it.each([
    ['bounces@example.com', true],
    ['fifteen.letters@example.com', true],
    ['sixteen.letters.@example.com', false],
    ['bounces+mail@example.com', false],
    ['bounces', false],
  ])('an address of bounces leaves room for the token: %s', (bounceAddress, isGood) => {
    const read = smtpCarrierSchema.safeParse({ ...CARRIER, bounce_address: bounceAddress })
    expect(read.success).toBe(isGood)
  })
})
