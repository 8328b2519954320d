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

  it('a port for them is of no use without an address of theirs', () => {
    const bounces = { port: 25 }
    const mistakes = (more: object) => crossCheck({ carriers: [{ ...CARRIER, bounces, ...more }] })
    expect(mistakes({ bounce_secret: 'a-secret-of-bounces' })).toEqual([
      {
        path: 'carriers[0].bounces',
        message: 'needs carriers[0].bounce_address, to which they come',
      },
    ])
  })

  it('a port for them is nobody else’s', () => {
    const carrier = (name: string, port: number) => ({
      ...CARRIER,
      name,
      bounce_address: 'bounces@example.com',
      bounce_secret: 'a-secret-of-bounces',
      bounces: { port },
    })
    const carriers = [carrier('a', 2525), carrier('b', 2525), carrier('c', 8080)]
    expect(crossCheck({ carriers })).toEqual([
      {
        path: 'carriers[1].bounces.port',
        message:
          '2525 of the carrier "b" is also the bounces.port of the carrier "a"; they must differ',
      },
      {
        path: 'carriers[2].bounces.port',
        message: '8080 of the carrier "c" is also http.port; they must differ',
      },
    ])
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
