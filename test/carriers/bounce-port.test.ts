import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { createTransport } from 'nodemailer'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  type ArrivingBounce,
  BouncePort,
  type BouncePortOptions,
} from '../../src/carriers/bounce-port.ts'
import { GatewayError } from '../../src/core/errors.ts'
import { silentLogger } from '../../src/core/logger.ts'

const OURS = 'bounces+1@example.com'
const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  vi.useRealTimers()
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

/** A port for {@link OURS}, and what it has taken. */
async function open(more: Partial<BouncePortOptions> = {}) {
  const taken: { readonly bounce: ArrivingBounce; readonly mail: string }[] = []
  const oversized: ArrivingBounce[] = []
  const port = new BouncePort({
    carrier: 'mail',
    place: { host: '127.0.0.1', port: 0 },
    maxOctets: 1_000,
    admits: ({ recipient }) => recipient === OURS,
    take: async (bounce, mail) => {
      taken.push({ bounce, mail: mail.toString('utf8') })
      return true
    },
    onOversized: (bounce) => oversized.push(bounce),
    logger: silentLogger,
    ...more,
  })
  cleanUps.push(() => port.close())
  await port.listen()
  return { port, taken, oversized }
}

/** Sends a mail as it is with nodemailer; gives what the port has answered at last. */
async function deliver(port: BouncePort, raw: string, to: string | string[] = OURS) {
  const transport = createTransport({ host: '127.0.0.1', port: port.port })
  try {
    const { response } = await transport.sendMail({ envelope: { from: '', to }, raw })
    return response
  } catch (error) {
    return (error as { response?: string }).response
  } finally {
    transport.close()
  }
}

describe('a port for bounces', () => {
  it('lets nobody send a QUIT before the mail is answered', async () => {
    const { port } = await open()
    const socket = connect(port.port, '127.0.0.1').setEncoding('utf8')
    cleanUps.push(() => socket.destroy())
    await once(socket, 'data')
    socket.write('EHLO mx.example.com\r\n')
    const [features] = await once(socket, 'data')
    expect(features).toContain('SIZE')
    expect(features).not.toContain('PIPELINING')
  })

  it('takes a mail as it is, below whom it was for', async () => {
    const { port, taken } = await open()
    expect(await deliver(port, 'Subject: Undelivered\r\n\r\n.dot\r\n')).toMatch(/^250 /)
    expect(taken).toEqual([
      {
        bounce: { recipient: OURS, address: '127.0.0.1' },
        mail: `Delivered-To: ${OURS}\r\nSubject: Undelivered\r\n\r\n.dot\r\n`,
      },
    ])
  })

  it('answers only when it is durable', async () => {
    let store: ((isTaken: boolean) => void) | undefined
    const take = () =>
      new Promise<boolean>((resolve) => {
        store = resolve
      })
    const { port } = await open({ take })
    const answered = vi.fn()
    const delivery = deliver(port, 'Subject: 1\r\n\r\n').then(answered)
    await vi.waitFor(() => expect(store).toBeDefined())
    // Others come and go meanwhile.
    await deliver(port, 'Subject: 2\r\n\r\n', 'anna@example.com')
    expect(answered).not.toHaveBeenCalled()
    store?.(true)
    await delivery
    expect(answered).toHaveBeenCalledWith(expect.stringMatching(/^250 /))
  })

  it('knows nobody else, and has one recipient for each mail', async () => {
    const { port, taken } = await open()
    expect(await deliver(port, 'Subject: 1\r\n\r\n', 'anna@example.com')).toMatch(/^550 /)
    expect(await deliver(port, 'Subject: 1\r\n\r\n', [OURS, 'bounces+2@example.com'])).toMatch(
      /^250 /,
    )
    expect(taken.map(({ bounce }) => bounce.recipient)).toEqual([OURS])
  })

  it.each([
    ['cannot be stored now', () => Promise.reject(new GatewayError('busy', 'too many')), /^451 /],
    ['is not taken after all', () => Promise.resolve(false), /^550 /],
  ])('says of a mail that it %s', async (_what, take, answer) => {
    const { port } = await open({ take })
    expect(await deliver(port, 'Subject: 1\r\n\r\n')).toMatch(answer)
  })

  it('refuses what is too long, said before or not', async () => {
    const { port, taken, oversized } = await open()
    expect(await deliver(port, `Subject: 1\r\n\r\n${'x'.repeat(1_000)}\r\n`)).toMatch(/^552 /)
    expect(taken).toEqual([])
    expect(oversized).toEqual([{ recipient: OURS, address: '127.0.0.1' }])
  })

  it('offers neither a login nor TLS', async () => {
    const { port } = await open()
    const socket = connect(port.port, '127.0.0.1')
    cleanUps.push(() => socket.destroy())
    let said = ''
    socket.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    await vi.waitFor(() => expect(said).toMatch(/^220 /))
    socket.write('EHLO mx.example.net\r\nAUTH PLAIN AGEAYg==\r\nSTARTTLS\r\nQUIT\r\n')
    await once(socket, 'close')
    expect(said).toContain('SIZE 1000')
    expect(said).not.toMatch(/^250.(?:AUTH|STARTTLS)/m)
    expect(said.match(/^500 /gm)).toHaveLength(2)
  })

  it('waits for a port that something else has', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = other.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const { port } = await open({ place: { host: '127.0.0.1', port: address.port } })
    expect(port.port).toBe(0)
    await new Promise((resolve) => other.close(resolve))
    await vi.advanceTimersByTimeAsync(5_000)
    vi.useRealTimers()
    await vi.waitFor(() => expect(port.port).toBe(address.port))
  })
})
