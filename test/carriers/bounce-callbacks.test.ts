import { describe, expect, it } from 'vitest'
import {
  BOUNCE_STATUSES,
  bounceCallbacks,
  reasonOfBounce,
} from '../../src/carriers/bounce-callbacks.ts'
import { bounceKey, bounceToken, keyOfToken } from '../../src/carriers/bounce-token.ts'
import { envelopeSender } from '../../src/carriers/smtp-mapping.ts'
import { smtpCarrierSchema, toSmtpCarrier } from '../../src/config/smtp-carriers.ts'
import type { ProviderReports } from '../../src/providers/provider.ts'
import { BOUNCE_SAMPLES, bounceOf } from './bounce-samples.ts'

const ID = '0190a5c4-0000-7000-8000-000000000001'
const KEY = '0190a5c4000070008000000000000001'

function configOf(keys: Readonly<Record<string, unknown>> = {}) {
  const file = smtpCarrierSchema.parse({
    name: 'mail',
    type: 'smtp',
    host: 'mail.example.com',
    from: 'noreply@example.com',
    bounce_address: 'bounces@example.com',
    bounce_secret: 'a-secret-of-bounces',
    rates: [],
    ...keys,
  })
  return toSmtpCarrier(file, (pem) => pem)
}

async function read(mail: string, keys = {}): Promise<ProviderReports> {
  const callbacks = bounceCallbacks(configOf(keys))
  if (!callbacks) throw new Error('it takes no bounces')
  const url = 'https://gw.example.com/callback/provider/mail/delivery'
  const body = Buffer.from(mail)
  return callbacks.read({ method: 'POST', kind: 'delivery', url, headers: {}, body })
}

describe('a token', () => {
  it('is the id of the message and a code that only the carrier can make', () => {
    const token = bounceToken(configOf(), ID) ?? ''
    expect(token).toMatch(new RegExp(`^${KEY}[0-9a-f]{16}$`))
    expect(bounceKey(ID)).toBe(KEY)
    expect(keyOfToken(configOf(), token)).toBe(KEY)
    // Servers on the way may change the case of addresses.
    expect(keyOfToken(configOf(), token.toUpperCase())).toBe(KEY)
  })

  it('is of no other message, carrier or secret', () => {
    const token = bounceToken(configOf(), ID) ?? ''
    const last = token.endsWith('0') ? '1' : '0'
    for (const forged of [token.slice(0, -1) + last, `1${token.slice(1)}`, KEY, `${token}0`, '']) {
      expect(keyOfToken(configOf(), forged)).toBeUndefined()
    }
    expect(keyOfToken(configOf({ name: 'mail-2' }), token)).toBeUndefined()
    const secret = { bounce_secret: 'another-secret-of-bounces' }
    expect(keyOfToken(configOf(secret), token)).toBeUndefined()
    expect(bounceToken(configOf({ bounce_secret: undefined }), ID)).toBeUndefined()
  })

  it('stands in the return path, whose name has its 64 characters at most', () => {
    const token = bounceToken(configOf(), ID)
    expect(envelopeSender(configOf(), ID)).toBe(`bounces+${token}@example.com`)
    expect(envelopeSender(configOf({ bounce_address: undefined }), ID)).toBe('noreply@example.com')
    const longest = configOf({ bounce_address: 'fifteen.letters@example.com' })
    expect(envelopeSender(longest, ID).split('@')[0]).toHaveLength(64)
    expect(() => configOf({ bounce_address: 'sixteen.letters.@example.com' })).toThrow(/15 char/)
  })
})

describe('bounces of a carrier', () => {
  const returnPath = envelopeSender(configOf(), ID)

  it.each(BOUNCE_SAMPLES)('are receipts: %s', async (sample, status, code, failure) => {
    const { receipts, inbound } = await read(bounceOf(sample, { returnPath }))
    expect(receipts).toEqual([
      expect.objectContaining({ matchKey: KEY, status, code, failure, to: null }),
    ])
    expect(inbound).toEqual([])
  })

  it('say what the other server has said, and under which id the own one has it', async () => {
    const { receipts } = await read(bounceOf('postfix-unknown-user', { returnPath }))
    expect(receipts[0]).toMatchObject({
      providerId: '4FxN2c6Zy0z9rw',
      text: '550 5.1.1 <nobody@example.org>: Recipient address rejected: User unknown in virtual mailbox table',
    })
  })

  it('are known by the Message-ID where the return path is lost', async () => {
    const messageId = `<${bounceToken(configOf(), ID)}@example.com>`
    const { receipts } = await read(bounceOf('exchange-not-found', { messageId }))
    expect(receipts[0]).toMatchObject({ matchKey: KEY, status: 'failed' })
  })

  it('are not believed without a token that the carrier has made', async () => {
    await expect(read(bounceOf('exim-refused', {}))).rejects.toThrow('the report has no token')
    const forged = `bounces+${KEY}0000000000000000@example.com`
    const message = 'the report has no token that this carrier has made'
    await expect(read(bounceOf('exim-refused', { returnPath: forged }))).rejects.toThrow(message)
    const other = envelopeSender(configOf({ name: 'mail-2' }), ID)
    await expect(read(bounceOf('exim-refused', { returnPath: other }))).rejects.toThrow(message)
  })

  it('tell the worst of several recipients', async () => {
    const mail = bounceOf('postfix-delayed', { returnPath }).replace(
      'Will-Retry-Until',
      'X-Rest: 1\r\n\r\nFinal-Recipient: rfc822; b@example.org\r\nAction: failed\r\nStatus: 5.2.1\r\nX-Rest',
    )
    const { receipts } = await read(mail)
    expect(receipts).toEqual([
      expect.objectContaining({ status: 'failed', code: '5.2.1', failure: 'recipient_barred' }),
    ])
  })

  it('are nothing where a machine has answered for a person', async () => {
    const mail = `To: ${returnPath}\nAuto-Submitted: auto-replied\n\nI am away`
    expect(await read(mail)).toEqual({ receipts: [], inbound: [] })
  })

  it('come by POST to the address of receipts', () => {
    const callbacks = bounceCallbacks(configOf())
    const body = Buffer.from(bounceOf('exim-refused', { returnPath }))
    const request = { url: 'https://gw.example.com', headers: {}, body }
    for (const place of [
      { method: 'POST', kind: 'mo' },
      { method: 'GET', kind: 'delivery' },
    ] as const) {
      expect(() => callbacks?.read({ ...request, ...place })).toThrow('by POST, to /delivery')
    }
  })

  it('are not taken without a key of tokens', () => {
    expect(bounceCallbacks(configOf({ bounce_secret: undefined }))).toBeUndefined()
  })
})

describe('the reason of a bounce', () => {
  it.each([
    ['5.1.1', '', '5.1.1', 'recipient_unknown'],
    ['5.1.3', '', '5.1.3', 'destination_invalid'],
    ['5.1.99', '', '5.1.99', 'recipient_unknown'],
    ['4.2.2', '452 4.2.2 over quota', '4.2.2', 'recipient_busy'],
    ['4.4.7', 'delivery time expired', '4.4.7', 'network_error'],
    ['5.7.26', '550-5.7.26 unauthenticated', '5.7.26', 'content_rejected'],
    // Exim, and Postfix for answers without one.
    ['5.0.0', '550 5.1.1 no such user', '5.1.1', 'recipient_unknown'],
    ['5.0.0', '552 too large', '552', 'message_length_invalid'],
    ['5.0.0', '550-SPF check failed', '550', 'recipient_unknown'],
    ['5.0.0', '599 what', '5.0.0', 'undeliverable'],
    ['5.0.0', 'Unrouteable address', '5.0.0', 'undeliverable'],
    ['5.9.9', '', '5.9.9', 'undeliverable'],
  ])('%s, %s: %s, %s', (status, diagnostic, code, failure) => {
    expect(reasonOfBounce(status, diagnostic)).toEqual({ code, failure })
  })

  it('is that of the table for every status', () => {
    for (const [status, failure] of Object.entries(BOUNCE_STATUSES)) {
      const code = status.replace('X', '5').replace(/^5\.\d$/, '$&.99')
      expect(reasonOfBounce(code, '')).toEqual({ code, failure })
    }
  })
})
