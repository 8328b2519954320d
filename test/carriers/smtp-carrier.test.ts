import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { afterEach, describe, expect, it } from 'vitest'
import { bounceKey, bounceToken } from '../../src/carriers/bounce-token.ts'
import { SmtpCarrier } from '../../src/carriers/smtp-carrier.ts'
import { classifySmtp } from '../../src/carriers/smtp-mapping.ts'
import { smtpCarrierSchema, toSmtpCarrier } from '../../src/config/smtp-carriers.ts'
import { errorsOf, vectorsOf } from '../providers/vectors.ts'
import { TEST_CERTIFICATE, TEST_KEY } from '../smpp/tls-certificate.ts'
import { outbound } from './http-carrier-stand.ts'

/** A mail as the server has got it. */
interface Taken {
  readonly from: string
  readonly to: string[]
  readonly data: string
  readonly isSecure: boolean
  readonly user: string
  /** What the envelope asks for, RFC 3461. */
  readonly dsn: unknown
  readonly notify: unknown
}

const cleanUps: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

/** A server of the package `smtp-server`, which shares nothing with ours: TLS and a login are required. */
async function openServer(options: SMTPServerOptions = {}) {
  const taken: Taken[] = []
  const server = new SMTPServer({
    key: TEST_KEY,
    cert: TEST_CERTIFICATE,
    hideDSN: false,
    onAuth: ({ username, password }, _session, done) => {
      if (username === 'user' && password === 'secret') done(null, { user: username })
      else done(Object.assign(new Error('Authentication failed'), { responseCode: 535 }))
    },
    onData: (stream, session, done) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        taken.push({
          from: session.envelope.mailFrom === false ? '' : session.envelope.mailFrom.address,
          to: session.envelope.rcptTo.map(({ address }) => address),
          data: Buffer.concat(chunks).toString('utf8'),
          isSecure: session.secure,
          user: String(session.user),
          dsn: session.envelope.dsn,
          notify: session.envelope.rcptTo[0]?.dsn?.notify,
        })
        done(null, '2.0.0 Ok: queued as 4FwZ1x0Jzz9')
      })
    },
    ...options,
  })
  server.on('error', () => {})
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  cleanUps.push(() => new Promise<void>((resolve) => server.close(resolve)))
  return { server, taken, port: (server.server.address() as AddressInfo).port }
}

function openCarrier(port: number, keys: Readonly<Record<string, unknown>> = {}) {
  const file = smtpCarrierSchema.parse({
    name: 'mail',
    type: 'smtp',
    host: '127.0.0.1',
    port,
    username: 'user',
    password: 'secret',
    ca: TEST_CERTIFICATE,
    from: 'noreply@example.com',
    timeout_seconds: 5,
    rates: [],
    ...keys,
  })
  const carrier = new SmtpCarrier({
    config: toSmtpCarrier(file, (pem) => pem),
    events: {
      onReceipt: async () => {},
      onInbound: async () => {},
      onCapacityChange: () => {},
    },
  })
  carrier.start()
  cleanUps.push(() => carrier.close(0))
  const send = (message = mail()) => carrier.prepare(message).send(1, new Date())
  return { carrier, send }
}

const mail = (said: Parameters<typeof outbound>[0] = {}) =>
  outbound({ to: 'zhang.san@example.org', ...said })

function headerOf(data: string, name: string): string | undefined {
  const head = data.split('\r\n\r\n')[0]?.replaceAll(/\r\n[ \t]+/g, ' ') ?? ''
  return new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1]
}

describe('its error table', () => {
  it.each(errorsOf('smtp'))('%s', (key, row) => {
    const error = /^\d{3}$/.test(key)
      ? { responseCode: Number(key), response: `${key} no`, code: 'EENVELOPE', message: '' }
      : { code: key, message: '' }
    const { type, retryable } = classifySmtp(error)
    expect({ type, retryable }).toEqual({ type: row.type, retryable: row.retryable })
  })

  it.each([
    ['550 5.1.1 no such user', 'RCPT TO', 'invalid', false, 'recipient_unknown'],
    ['552-5.2.2 mailbox full', 'RCPT TO', 'provider', true, 'recipient_busy'],
    ['550 5.7.1 looks like spam', 'DATA', 'content_rejected', false, 'content_rejected'],
    ['535 5.7.8 wrong', 'AUTH PLAIN', 'auth', false, 'carrier_unauthorised'],
    ['451 4.7.1 greylisted', 'RCPT TO', 'rate_limit', true, 'recipient_busy'],
    ['499 what', 'DATA', 'provider', true, 'carrier_error'],
    ['599 what', 'DATA', 'invalid', false, 'carrier_request_invalid'],
  ])('%s to %s', (response, command, type, retryable, failure) => {
    const responseCode = Number(response.slice(0, 3))
    const info = classifySmtp({ responseCode, response, command, message: response })
    expect(info).toMatchObject({ type, retryable, failure })
  })
})

describe('a mail', () => {
  it('goes over TLS, after a login, and is sent when the server has taken it', async () => {
    const { port, taken } = await openServer()
    const { carrier, send } = openCarrier(port, {
      from_name: '客服',
      reply_to: 'help@example.com',
      bounce_address: 'bounces@example.com',
      bounce_secret: 'a-secret-of-bounces',
    })
    const message = mail({ text: '验证码通知\nYour code is 4711' })
    const token = bounceToken(carrier.config, message.id)
    expect(await send(message)).toEqual({
      kind: 'accepted',
      carrierMessageId: '4FwZ1x0Jzz9',
      matchKey: bounceKey(message.id),
    })
    const [got] = taken
    if (!got) throw new Error('nothing was taken')
    expect(got).toMatchObject({
      from: `bounces+${token}@example.com`,
      to: ['zhang.san@example.org'],
      isSecure: true,
      user: 'user',
    })
    const [vector] = vectorsOf('smtp', 'rfc2047-b')
    expect(headerOf(got.data, 'subject')).toBe(vector?.expected.encoded)
    expect(headerOf(got.data, 'from')).toContain('<noreply@example.com>')
    expect(headerOf(got.data, 'reply-to')).toBe('help@example.com')
    expect(headerOf(got.data, 'message-id')).toBe(`<${token}@example.com>`)
    expect(got.dsn).toMatchObject({ envid: token, ret: 'HDRS' })
    expect(got.notify).toEqual(['FAILURE', 'DELAY'])
    expect(carrier).toMatchObject({ channel: 'email', givesReceipts: false, capacity: 5 })
    expect(carrier.layOut(message)).toEqual({ encoding: 'utf8', segments: 1 })
  })

  it('is signed where a key is set, and has the subject of the settings', async () => {
    const { port, taken } = await openServer()
    const { privateKey } = await import('node:crypto').then(({ generateKeyPairSync }) =>
      generateKeyPairSync('rsa', {
        modulusLength: 2048,
        publicKeyEncoding: { type: 'spki', format: 'pem' },
        privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      }),
    )
    const { send } = openCarrier(port, {
      subject: 'Notice',
      dkim: { domain: 'example.com', selector: 's1', key: privateKey },
    })
    // What would be a header of its own stays in the text.
    await send(mail({ text: 'line\r\nBcc: everybody@example.org' }))
    const data = taken[0]?.data ?? ''
    expect(headerOf(data, 'dkim-signature')).toMatch(/d=example\.com;.* s=s1;/)
    expect(headerOf(data, 'subject')).toBe('Notice')
    expect(headerOf(data, 'bcc')).toBeUndefined()
    expect(taken[0]?.from).toBe('noreply@example.com')
  })

  it('shares connections with others, each with one mail at a time', async () => {
    let connections = 0
    const { port, taken } = await openServer({
      onConnect: (_session, done) => {
        connections++
        done()
      },
    })
    const { send } = openCarrier(port, { connections: 2 })
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => send()))
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['accepted']))
    expect(taken).toHaveLength(10)
    expect(connections).toBeLessThanOrEqual(2)
  })

  it('to what is no address is refused before anything is sent', async () => {
    const { send } = openCarrier(1)
    expect(await send(mail({ to: '+8613800138000' }))).toMatchObject({
      kind: 'refused',
      code: 'destination_invalid',
      class: 'final',
    })
  })
})

describe('a refusal', () => {
  const refusing = (responseCode: number, text: string, times = 1) => {
    let left = times
    return openServer({
      onRcptTo: (_address, _session, done) => {
        if (left-- > 0) done(Object.assign(new Error(text), { responseCode }))
        else done()
      },
    })
  }

  it('by greylisting is passing, and the next try is taken', async () => {
    const { port } = await refusing(450, '4.7.1 Greylisted, try again later')
    const { send, carrier } = openCarrier(port, { mails_per_second: 100 })
    expect(await send()).toMatchObject({
      kind: 'refused',
      rawCode: '450 4.7.1',
      code: 'recipient_busy',
      class: 'passing',
    })
    expect((await send()).kind).toBe('accepted')
    // It says nothing of the pace.
    expect(carrier.segmentsPerSecond).toBe(100)
  })

  it('of the recipient is final', async () => {
    const { port } = await refusing(550, '5.1.1 No such user')
    expect(await openCarrier(port).send()).toMatchObject({
      kind: 'refused',
      rawCode: '550 5.1.1',
      code: 'recipient_unknown',
      class: 'final',
    })
  })

  it('of the login is of the carrier, not of the mail', async () => {
    const { port, taken } = await openServer()
    expect(await openCarrier(port, { password: 'wrong' }).send()).toMatchObject({
      kind: 'refused',
      code: 'carrier_unauthorised',
      class: 'passing',
    })
    expect(taken).toEqual([])
  })

  it('of the content comes after DATA', async () => {
    const { port } = await openServer({
      onData: (stream, _session, done) => {
        stream.resume()
        stream.on('end', () => done(Object.assign(new Error('5.7.1 Spam'), { responseCode: 554 })))
      },
    })
    expect(await openCarrier(port).send()).toMatchObject({
      kind: 'refused',
      rawCode: '554 5.7.1',
      code: 'content_rejected',
      class: 'final',
    })
  })
})

describe('a connection', () => {
  it('that breaks after DATA leaves the mail uncertain, known by its bounces, and it is not sent twice', async () => {
    let mails = 0
    const { port, server } = await openServer({
      onData: (stream) => {
        mails++
        stream.resume()
        stream.on('end', () => {
          for (const each of server.connections) each._socket.destroy()
        })
      },
    })
    const message = mail()
    expect(await openCarrier(port).send(message)).toMatchObject({
      kind: 'uncertain',
      matchKey: bounceKey(message.id),
    })
    expect(mails).toBe(1)
  })

  it('that breaks before DATA leaves it unsent', async () => {
    const { port, server } = await openServer({
      onRcptTo: () => {
        for (const each of server.connections) each._socket.destroy()
      },
    })
    expect(await openCarrier(port).send()).toMatchObject({
      kind: 'refused',
      code: 'carrier_unreachable',
      class: 'passing',
    })
  })

  it('is not made without TLS, nor to a server that nobody vouches for', async () => {
    const plain = await openServer({ disabledCommands: ['STARTTLS'] })
    const stranger = await openServer()
    for (const [port, keys] of [
      [plain.port, {}],
      [stranger.port, { ca: undefined }],
    ] as const) {
      expect(await openCarrier(port, keys).send()).toMatchObject({
        kind: 'refused',
        code: 'carrier_unreachable',
      })
    }
    expect([...plain.taken, ...stranger.taken]).toEqual([])
  })

  it('may be encrypted from its first octet', async () => {
    const { port, taken } = await openServer({ secure: true })
    const { carrier, send } = openCarrier(port, { tls: 'implicit' })
    expect((await send()).kind).toBe('accepted')
    expect(taken[0]).toMatchObject({ isSecure: true, notify: undefined })
    expect(await carrier.check(5_000)).toMatchObject({ kind: 'answered' })
  })

  it('that nobody answers is told by a check', async () => {
    const { carrier } = openCarrier(1)
    expect(await carrier.check(5_000)).toMatchObject({ kind: 'no_answer' })
  })
})

describe('a login on the wire', () => {
  /** A server that knows one way to sign in, and tells what it was sent after the prompts. */
  async function loginLines(way: string, prompts: string[], username: string, password: string) {
    const lines: string[] = []
    const server = createServer((socket) => {
      const say = (line: string) => socket.write(`${line}\r\n`)
      say('220 test')
      socket.on('error', () => {})
      let isLogin = false
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        for (const line of chunk.split('\r\n').filter((each) => each !== '')) {
          if (line.startsWith('EHLO')) say(`250-test\r\n250 AUTH ${way}`)
          else if (line.startsWith('AUTH') || isLogin) {
            isLogin = true
            lines.push(line)
            const prompt = prompts.shift()
            say(prompt === undefined ? '535 enough' : `334 ${prompt}`)
          }
        }
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    cleanUps.push(() => new Promise((resolve) => server.close(resolve)))
    const { port } = server.address() as AddressInfo
    await openCarrier(port, { tls: 'none', username, password }).send()
    return lines
  }

  it('is PLAIN, LOGIN or CRAM-MD5, as the server wants it', async () => {
    const [plain] = vectorsOf('smtp', 'auth-plain')
    const [login] = vectorsOf('smtp', 'auth-login')
    const [cram] = vectorsOf('smtp', 'cram-md5')
    if (!plain || !login || !cram) throw new Error('no vectors')
    expect(await loginLines('PLAIN', [], plain.input.username, plain.input.password)).toEqual([
      `AUTH PLAIN ${plain.expected.initialResponse}`,
    ])
    const asked = ['VXNlcm5hbWU6', 'UGFzc3dvcmQ6']
    expect(await loginLines('LOGIN', asked, login.input.username, login.input.password)).toEqual([
      'AUTH LOGIN',
      ...login.expected.lines,
    ])
    const challenge = Buffer.from(cram.input.challenge).toString('base64')
    expect(await loginLines('CRAM-MD5', [challenge], 'tim', cram.input.secret)).toEqual([
      'AUTH CRAM-MD5',
      cram.expected.responseBase64,
    ])
  })
})
