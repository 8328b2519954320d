import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { keyOf, newSecret, signatureOf } from '../../src/webhooks/signature.ts'

const BODY = '{"type":"message.delivered","data":{"to":"+447700900123","text":"grüße 🙂"}}'

function secretOf(octets: number): string {
  return `whsec_${Buffer.alloc(octets, 7).toString('base64')}`
}

describe('a signature', () => {
  it('is the one of the specification', () => {
    // The example of the Standard Webhooks documentation.
    const key = keyOf('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')
    expect(
      signatureOf('msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, '{"test": 2432232314}', [key]),
    ).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
  })

  it('is accepted by an independent verifier under each of two secrets, and under no third', () => {
    const [present, previous, other] = [newSecret(), newSecret(), newSecret()]
    const timestamp = Math.floor(Date.now() / 1_000)
    const headers = {
      'webhook-id': 'event-1',
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signatureOf('event-1', timestamp, BODY, [
        keyOf(present),
        keyOf(previous),
      ]),
    }
    for (const secret of [present, previous]) {
      expect(new Webhook(secret).verify(BODY, headers)).toEqual(JSON.parse(BODY))
    }
    expect(() => new Webhook(other).verify(BODY, headers)).toThrow('No matching signature')
    expect(() => new Webhook(present).verify(`${BODY} `, headers)).toThrow()
    const moved = { ...headers, 'webhook-timestamp': String(timestamp + 1) }
    expect(() => new Webhook(present).verify(BODY, moved)).toThrow()
  })
})

describe('a secret', () => {
  it('is random and of 32 octets', () => {
    expect(newSecret()).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect(newSecret()).not.toBe(newSecret())
  })

  it.each([24, 25, 64])('of %i octets is taken', (octets) => {
    expect(keyOf(secretOf(octets)).symmetricKeySize).toBe(octets)
  })

  it('may lack its padding', () => {
    expect(keyOf(secretOf(25).replace(/=+$/, '')).symmetricKeySize).toBe(25)
  })

  it.each([
    ['too short', secretOf(23)],
    ['too long', secretOf(65)],
    ['without prefix', secretOf(32).slice('whsec_'.length)],
    ['no base64', `whsec_${'-'.repeat(40)}`],
    ['cut', `${secretOf(24)}A`],
    ['empty', ''],
  ])('%s is refused and not repeated', (_what, secret) => {
    const refusal = (() => {
      try {
        keyOf(secret)
      } catch (error) {
        return error as Error
      }
      return undefined
    })()
    expect(refusal).toMatchObject({ code: 'webhook_secret_invalid', pointer: '/secret' })
    if (secret !== '') expect(refusal?.message).not.toContain(secret)
  })
})
