import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createTransport } from 'nodemailer'
import { SMTPServer } from 'smtp-server'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type BounceSample, bounceOf, type ReturnedMail } from '../carriers/bounce-samples.ts'
import { freePorts } from '../crash/waiting.ts'
import { ApiClient } from '../support/api-client.ts'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { openSink, type Sink } from '../webhooks/sink.ts'

/** Mails that a server which is not ours has taken, and what comes back of them: from the REST API to its webhook. */

const SECRET = 'a-secret-of-callbacks'
const PATIENCE = { timeout: 20_000, interval: 20 }
const PRICE = '0.0100'

/** A mail in its envelope, as the server has got it. */
interface Taken extends ReturnedMail {
  readonly returnPath: string
  readonly envelopeId: string
  readonly messageId: string
  readonly recipient: string
  readonly notify: readonly string[]
}

const cleanUps: (() => Promise<unknown>)[] = []
const mails: Taken[] = []
let gateway: TestGateway
let operator: ApiClient
let sink: Sink
let hookSecret: string
let recipients = 0
let bouncePort: number
let configOf: (bounces: object | undefined) => string

beforeAll(async () => {
  const mailServer = new SMTPServer({
    authOptional: true,
    hideDSN: false,
    disabledCommands: ['STARTTLS'],
    onData: (stream, { envelope }, done) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const [to] = envelope.rcptTo
        const data = Buffer.concat(chunks).toString('utf8')
        mails.push({
          returnPath: envelope.mailFrom === false ? '' : envelope.mailFrom.address,
          envelopeId: String(envelope.dsn?.envid),
          messageId: /^Message-ID: (\S+)/im.exec(data)?.[1] ?? '',
          recipient: to?.address ?? '',
          notify: to?.dsn?.notify ?? [],
        })
        if (!to?.address.startsWith('break')) return done()
        for (const each of mailServer.connections) each._socket.destroy()
      })
    },
  })
  mailServer.on('error', () => {})
  mailServer.listen(0, '127.0.0.1')
  await once(mailServer.server, 'listening')
  cleanUps.push(() => new Promise<void>((resolve) => mailServer.close(() => resolve())))
  sink = await openSink()
  cleanUps.push(() => sink.close())
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const file = JSON.parse(yamlFor())
  const mail = {
    name: 'mail',
    type: 'smtp',
    host: '127.0.0.1',
    port: (mailServer.server.address() as AddressInfo).port,
    tls: 'none',
    from: 'noreply@example.com',
    bounce_address: 'bounces@bounce.example.com',
    bounce_secret: 'a-secret-of-bounces',
    callback_secret: SECRET,
    rates: [{ prefix: '', price: '0.0010', currency: 'EUR' }],
  }
  const [port = 0] = await freePorts(1)
  bouncePort = port
  configOf = (bounces) =>
    JSON.stringify({
      ...file,
      admin_keys: ['operator-key-1'],
      webhooks: { allow_private_addresses: true },
      carriers: [
        { ...mail, bounces },
        { ...mail, name: 'guarded', callback_addresses: ['203.0.113.0/24'] },
      ],
      partners: [],
      rates: [{ tenant: 'demo', prefix: '', price: PRICE, currency: 'EUR' }],
      balances: [{ tenant: 'demo', amount: '10.00', currency: 'EUR' }],
      routing: { routes: [{ name: 'all', carriers: ['mail'] }] },
      policies: { transactional: { uncertain: 'wait_receipt' } },
    })
  const yaml = configOf({ host: '127.0.0.1', port })
  gateway = await openGateway(yaml, { folder: folder.path, isConfigFromFile: true })
  cleanUps.push(gateway.close)
  operator = new ApiClient(gateway.url, 'operator-key-1')
  const { body } = await gateway.api.call('POST', '/v1/webhooks', { url: `${sink.url}/hooks` })
  hookSecret = body.secret
})

afterAll(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

/** A message that the server has, and what it has got. */
async function sent(name = 'anna', status = 'sent') {
  recipients++
  const to = `${name}.${recipients}@example.org`
  const id = await gateway.api.send({ channel: 'email', to, subject: 'Code', text: 'It is 4711' })
  await gateway.api.until(id, (message) => message.status === status)
  const mail = await vi.waitFor(() => {
    const found = mails.find(({ recipient }) => recipient === to)
    if (!found) throw new Error(`no mail to ${to}`)
    return found
  }, PATIENCE)
  return { id, to, mail }
}

/** As a pipe of an MTA hands a mail over, which knows nothing of its content type. */
async function bounce(mail: string, { secret = SECRET, carrier = 'mail' } = {}): Promise<number> {
  const url = `${gateway.url}/callback/provider/${carrier}/${secret}/delivery`
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  return (await fetch(url, { method: 'POST', headers, body: mail })).status
}

async function account() {
  const { body } = await gateway.api.get('/v1/billing/balance')
  return body.accounts[0]
}

async function counted(outcome: string): Promise<number> {
  const { body } = await operator.get('/metrics')
  const pattern = `linehaul_provider_callbacks_total\\{[^}]*outcome="${outcome}"[^}]*\\} (\\d+)`
  const found = [...String(body).matchAll(new RegExp(pattern, 'g'))]
  return found.reduce((sum, [, count]) => sum + Number(count), 0)
}

function receiptsOf({ timeline }: { timeline: readonly { type: string }[] }) {
  return timeline.filter(({ type }) => type === 'receipt')
}

test('a mail that comes back is undelivered, told by webhook, and given back its money', async () => {
  const before = await account()
  const { id, to, mail } = await sent()
  expect(mail.returnPath).toMatch(/^bounces\+[0-9a-f]{48}@bounce\.example\.com$/)
  expect(mail.notify).toEqual(['FAILURE', 'DELAY'])
  expect(await bounce(bounceOf('postfix-unknown-user', mail))).toBe(200)
  const message = await gateway.api.settled(id)
  expect(message).toMatchObject({
    status: 'undelivered',
    error: { code: 'recipient_unknown', detail: 'mail reported UNDELIVERABLE, error 5.1.1' },
  })
  expect(receiptsOf(message)).toEqual([
    expect.objectContaining({
      carrier: 'mail',
      attempt: 1,
      code: 'undeliverable',
      raw_code: '5.1.1',
    }),
  ])
  const told = await vi.waitFor(() => {
    const found = sink.received
      .map(({ headers, body }) => {
        return new Webhook(hookSecret).verify(body, headers as Record<string, string>)
      })
      .find((event) => JSON.stringify(event).includes(id) && isUndelivered(event))
    if (!found) throw new Error('the webhook was not told')
    return found
  }, PATIENCE)
  expect(told).toMatchObject({
    type: 'message.undelivered',
    data: { to, status: 'undelivered', error: { code: 'recipient_unknown' } },
  })
  await vi.waitFor(async () => {
    expect(await account()).toEqual(before)
  }, PATIENCE)
})

function isUndelivered(event: unknown): boolean {
  return (event as { type?: string }).type === 'message.undelivered'
}

test.each([
  ['exim-refused', 'undelivered', 'content_rejected'],
  ['exchange-not-found', 'undelivered', 'recipient_unknown'],
  ['gmail-over-quota', 'undelivered', 'recipient_busy'],
  ['rfc3464-delivered', 'delivered', undefined],
] as const)('%s: %s', async (sample, status, code) => {
  const { id, mail } = await sent()
  expect(await bounce(bounceOf(sample, mail))).toBe(200)
  const message = await gateway.api.settled(id)
  expect(message).toMatchObject({ status })
  expect(message.error?.code).toBe(code)
})

test('what is delivered is paid for', async () => {
  const { balance } = await account()
  const { id, mail } = await sent()
  await bounce(bounceOf('rfc3464-delivered', mail))
  await gateway.api.settled(id)
  const left = (Number(balance) - Number(PRICE)).toFixed(4)
  await vi.waitFor(async () => {
    expect(await account()).toMatchObject({ balance: left, reserved: '0.0000' })
  }, PATIENCE)
})

test('a delay is no end', async () => {
  const { id, mail } = await sent()
  expect(await bounce(bounceOf('postfix-delayed', mail))).toBe(200)
  const waiting = await gateway.api.until(id, (message) => receiptsOf(message).length === 1)
  expect(waiting).toMatchObject({ status: 'sent', is_final: false, error: null })
  await bounce(bounceOf('postfix-unknown-user', mail))
  expect(await gateway.api.settled(id)).toMatchObject({ status: 'undelivered' })
})

test.each<[string, BounceSample, keyof Taken]>([
  ['the envelope id', 'postfix-unknown-user', 'envelopeId'],
  ['the Message-ID', 'exchange-not-found', 'messageId'],
])('without the return path the mail is found by %s', async (_what, sample, key) => {
  const { id, mail } = await sent()
  expect(await bounce(bounceOf(sample, { [key]: mail[key] }))).toBe(200)
  expect(await gateway.api.settled(id)).toMatchObject({ status: 'undelivered' })
})

test('a mail of which nobody knows whether it was taken is known when it comes back', async () => {
  const { id, mail } = await sent('break', 'sending')
  expect(await bounce(bounceOf('exim-refused', mail))).toBe(200)
  expect(await gateway.api.settled(id)).toMatchObject({
    status: 'undelivered',
    error: { code: 'content_rejected' },
  })
})

test('one that comes again is counted, and changes nothing', async () => {
  const { id, mail } = await sent()
  const repeated = await counted('repeated')
  const mailOnce = bounceOf('exim-refused', mail)
  expect(await bounce(mailOnce)).toBe(200)
  await gateway.api.settled(id)
  expect(await bounce(mailOnce)).toBe(200)
  expect(await counted('repeated')).toBe(repeated + 1)
  expect(receiptsOf(await gateway.api.message(id))).toHaveLength(1)
})

test('a forged one changes nothing', async () => {
  const { id, mail } = await sent()
  const [forged, unreadable] = [await counted('forged'), await counted('unreadable')]
  const mailBack = bounceOf('exim-refused', mail)
  expect(await bounce(mailBack, { secret: 'another-secret-1' })).toBe(404)
  expect(await bounce(mailBack, { carrier: 'guarded' })).toBe(404)
  expect(await bounce(mailBack, { carrier: 'nobody' })).toBe(404)
  expect(await counted('forged')).toBe(forged + 2)
  // Whoever knows the id of the message does not know its code.
  const key = id.replaceAll('-', '')
  const returnPath = `bounces+${key}0123456789abcdef@bounce.example.com`
  const messageId = `<${id}@example.com>`
  expect(await bounce(bounceOf('exim-refused', { returnPath, messageId }))).toBe(200)
  expect(await bounce('From: anna@example.org\nSubject: Re: Code\n\nThank you')).toBe(200)
  await vi.waitFor(async () => {
    expect(await counted('unreadable')).toBe(unreadable + 2)
  }, PATIENCE)
  const { body } = await operator.get('/v1/callbacks?carrier=mail&state=failed')
  expect(body.callbacks.map(({ error }: { error: string }) => error)).toEqual([
    'a mail without a content type is no delivery status notification',
    'the report has no token that this carrier has made',
  ])
  expect(await gateway.api.message(id)).toMatchObject({ status: 'sent' })
  expect(receiptsOf(await gateway.api.message(id))).toHaveLength(0)
})

test('one that is too long is refused', async () => {
  const oversized = await counted('oversized')
  expect(await bounce('x'.repeat(1024 * 1024 + 1))).toBe(413)
  expect(await counted('oversized')).toBe(oversized + 1)
})

/** As another server hands a bounce over; gives what it is answered at last. */
async function mailBack(to: string, raw: string): Promise<string> {
  const transport = createTransport({ host: '127.0.0.1', port: bouncePort })
  try {
    return (await transport.sendMail({ envelope: { from: '', to }, raw })).response
  } catch (error) {
    const { response, code } = error as { response?: string; code?: string }
    return response ?? code ?? ''
  } finally {
    transport.close()
  }
}

test('a bounce may come by SMTP, to return paths of the carrier only', async () => {
  const { id, mail } = await sent()
  const [forged, oversized] = [await counted('forged'), await counted('oversized')]
  const raw = bounceOf('exchange-not-found', { recipient: mail.recipient })
  const [before = '', domain = ''] = mail.returnPath.split('@')
  const last = before.endsWith('0') ? '1' : '0'
  for (const to of [
    'anna@example.org',
    'bounces@bounce.example.com',
    `${before.slice(0, -1)}${last}@${domain}`,
    `${before}@example.com`,
  ]) {
    expect(await mailBack(to, raw)).toMatch(/^550 /)
  }
  expect(await counted('forged')).toBe(forged + 4)
  const long = `${raw}${'x'.repeat(1024 * 1024)}`
  expect(await mailBack(mail.returnPath, long)).toMatch(/^552 /)
  expect(await counted('oversized')).toBe(oversized + 1)
  expect(await gateway.api.message(id)).toMatchObject({ status: 'sent' })

  const repeated = await counted('repeated')
  expect(await mailBack(mail.returnPath, raw)).toMatch(/^250 /)
  expect(await gateway.api.settled(id)).toMatchObject({
    status: 'undelivered',
    error: { code: 'recipient_unknown' },
  })
  expect(await mailBack(mail.returnPath, raw)).toMatch(/^250 /)
  expect(await counted('repeated')).toBe(repeated + 1)
})

test('the port goes and comes with the configuration', async () => {
  const { id, mail } = await sent()
  const raw = bounceOf('exim-refused', mail)
  await gateway.configure(configOf(undefined))
  await vi.waitFor(async () => {
    expect(await mailBack(mail.returnPath, raw)).toBe('ESOCKET')
  }, PATIENCE)
  await gateway.configure(configOf({ host: '127.0.0.1', port: bouncePort }))
  await vi.waitFor(async () => {
    expect(await mailBack(mail.returnPath, raw)).toMatch(/^250 /)
  }, PATIENCE)
  expect(await gateway.api.settled(id)).toMatchObject({ status: 'undelivered' })
})
