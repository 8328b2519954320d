import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { encodePdu } from '../../src/smpp/codec.ts'
import { ConnectionCaps } from '../../src/smpp/connection-caps.ts'
import type { RefusalReason } from '../../src/smpp/listener.ts'
import { silentSmppLogger } from '../../src/smpp/logger.ts'
import type { PduInput } from '../../src/smpp/pdu.ts'
import { type BindOrigin, SmppServer, type SmppServerOptions } from '../../src/smpp/server.ts'
import { ScriptedPeer } from './scripted-peer.ts'
import { PARTNER_CERTIFICATE, PARTNER_KEY, TEST_CERTIFICATE, TEST_KEY } from './tls-certificate.ts'

/** What is in front of a session: proxies, TLS with client certificates, caps of several servers. */

const HOST = '127.0.0.1'
const BIND: PduInput = {
  command: 'bind_transceiver',
  sequence_number: 1,
  system_id: 'partner',
  password: 'secret',
  interface_version: 0x34,
}
const TLS = { key: TEST_KEY, cert: TEST_CERTIFICATE }
const HEADER = Buffer.from('PROXY TCP4 203.0.113.7 192.0.2.1 55566 2775\r\n')
const LOCAL = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex')

const servers: SmppServer[] = []
const sockets: Socket[] = []

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await Promise.all(servers.splice(0).map((server) => server.close({ drainMs: 0 })))
})

interface Served {
  readonly server: SmppServer
  readonly origins: BindOrigin[]
  readonly refused: [RefusalReason, string][]
}

async function served(options: Partial<SmppServerOptions<undefined>> = {}): Promise<Served> {
  const origins: BindOrigin[] = []
  const refused: [RefusalReason, string][] = []
  const server = new SmppServer({
    host: HOST,
    port: 0,
    system_id: 'gateway',
    authenticate: (_bind, origin) => {
      origins.push(origin)
      return { status: 0 }
    },
    onRequest: () => ({ message_id: 'id' }),
    onRefused: (reason, remoteAddress) => refused.push([reason, remoteAddress]),
    ...options,
  })
  servers.push(server)
  await server.listen()
  return { server, origins, refused }
}

async function connected(port: number): Promise<Socket> {
  const socket = connect({ host: HOST, port, allowHalfOpen: true }).setNoDelay(true)
  sockets.push(socket)
  await once(socket, 'connect')
  return socket
}

/** The socket as a stream whose first write carries the octets in front. */
function headedBy(octets: Buffer, socket: Socket): Duplex {
  let head = octets
  const stream = new Duplex({
    read: () => socket.resume(),
    write(chunk: Buffer, _encoding, callback) {
      socket.write(Buffer.concat([head, chunk]), callback)
      head = Buffer.alloc(0)
    },
  })
  socket.on('data', (chunk) => stream.push(chunk))
  return stream
}

const isTrustedProxy = (address: string) => address === HOST

describe('behind a proxy', () => {
  test('the address of the header is the one that counts', async () => {
    const { server, origins } = await served({ isTrustedProxy })
    const socket = await connected(server.port)
    const peer = new ScriptedPeer(socket)
    socket.write(Buffer.concat([HEADER, encodePdu(BIND)]))
    await peer.next('bind_transceiver_resp')
    expect(origins).toMatchObject([{ remoteAddress: '203.0.113.7', tls: false }])
    peer.send({ command: 'submit_sm', sequence_number: 2 })
    expect(await peer.next('submit_sm_resp')).toMatchObject({ message_id: 'id' })
  })

  test('one octet in each TCP segment makes no difference', async () => {
    const { server, origins } = await served({ isTrustedProxy })
    const socket = await connected(server.port)
    const peer = new ScriptedPeer(socket)
    for (const octet of Buffer.concat([HEADER, encodePdu(BIND)])) {
      socket.write(Buffer.from([octet]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await peer.next('bind_transceiver_resp')
    expect(origins).toMatchObject([{ remoteAddress: '203.0.113.7' }])
  })

  test('the proxy itself is known by its own address', async () => {
    const { server, origins } = await served({ isTrustedProxy })
    const peer = new ScriptedPeer(await connected(server.port))
    peer.sendOctets(Buffer.concat([LOCAL, encodePdu(BIND)]))
    await peer.next('bind_transceiver_resp')
    expect(origins).toMatchObject([{ remoteAddress: HOST }])
  })

  test.each([
    ['in one piece', [HEADER]],
    ['octet by octet', [...HEADER].map((octet) => Buffer.from([octet]))],
    ['in one piece with the hello', []],
  ])('TLS comes after the header, %s', async (_how, pieces) => {
    const { server, origins } = await served({ isTrustedProxy, tls: TLS })
    const socket = await connected(server.port)
    for (const piece of pieces) {
      socket.write(piece)
      await new Promise((resolve) => setImmediate(resolve))
    }
    const stream = pieces.length > 0 ? socket : headedBy(HEADER, socket)
    const secure = connectTls({ socket: stream, ca: TEST_CERTIFICATE, servername: 'localhost' })
    sockets.push(secure)
    await once(secure, 'secureConnect')
    const peer = new ScriptedPeer(secure)
    peer.send(BIND)
    await peer.next('bind_transceiver_resp')
    expect(origins).toMatchObject([{ remoteAddress: '203.0.113.7', tls: true }])
  })

  test('whoever is no proxy is turned away', async () => {
    const { server, refused } = await served({ isTrustedProxy: () => false })
    const peer = new ScriptedPeer(await connected(server.port))
    await peer.ended
    expect(refused).toEqual([['untrusted_proxy', HOST]])
  })

  test.each([
    ['none', encodePdu(BIND)],
    ['a broken one', Buffer.from('PROXY TCP4 nobody\r\n')],
  ])('a connection with %s is closed', async (_what, octets) => {
    const { server, refused, origins } = await served({ isTrustedProxy })
    const peer = new ScriptedPeer(await connected(server.port))
    peer.sendOctets(octets)
    await peer.ended
    await vi.waitFor(() => expect(server.stats.connections).toBe(0))
    expect([refused, origins]).toEqual([[['proxy_header', HOST]], []])
  })

  test('half a header and the end, or no header in time, close the connection', async () => {
    const { server, refused } = await served({ isTrustedProxy, sessionInitMs: 20 })
    const half = await connected(server.port)
    const silent = new ScriptedPeer(await connected(server.port))
    half.end(HEADER.subarray(0, 20))
    half.resume()
    await Promise.all([once(half, 'close'), silent.ended])
    expect(refused).toEqual([
      ['proxy_header', HOST],
      ['proxy_header', HOST],
    ])
    await vi.waitFor(() => expect(server.stats).toMatchObject({ connections: 0, unbound: 0 }))
  })

  test('the cap of an address is that of the address named', async () => {
    const { server, refused } = await served({ isTrustedProxy, maxUnboundPerAddress: 1 })
    const named = async (address: string) => {
      const peer = new ScriptedPeer(await connected(server.port))
      peer.sendOctets(Buffer.from(`PROXY TCP4 ${address} 192.0.2.1 55566 2775\r\n`))
      return peer
    }
    await named('203.0.113.7')
    await named('203.0.113.8')
    await vi.waitFor(() => expect(server.stats.unbound).toBe(2))
    await (await named('203.0.113.7')).ended
    expect(refused).toEqual([['too_many', '203.0.113.7']])
    await vi.waitFor(() => expect(server.stats).toMatchObject({ unbound: 2, rejected: 1 }))
  })

  test('closing does not wait for a header', async () => {
    const { server } = await served({ isTrustedProxy, sessionInitMs: 60_000 })
    const peer = new ScriptedPeer(await connected(server.port))
    await vi.waitFor(() => expect(server.stats.connections).toBe(1))
    await server.close()
    await peer.ended
    expect(server.stats).toMatchObject({ connections: 0, unbound: 0 })
  })
})

describe('certificates of peers', () => {
  async function secured(port: number, own: object = {}): Promise<TLSSocket> {
    const secure = connectTls({ host: HOST, port, ca: TEST_CERTIFICATE, ...own })
    sockets.push(secure)
    await once(secure, 'secureConnect')
    return secure
  }

  const tls = { ...TLS, requestCert: true, rejectUnauthorized: false, ca: PARTNER_CERTIFICATE }

  test('come with the bind: fingerprint, common name, and whether they are trusted', async () => {
    const { server, origins } = await served({ tls })
    for (const own of [
      { cert: PARTNER_CERTIFICATE, key: PARTNER_KEY },
      { cert: TEST_CERTIFICATE, key: TEST_KEY },
      {},
    ]) {
      const peer = new ScriptedPeer(await secured(server.port, own))
      peer.send(BIND)
      await peer.next('bind_transceiver_resp')
    }
    expect(origins.map(({ certificate }) => certificate)).toEqual([
      {
        fingerprint: expect.stringMatching(/^[0-9A-F]{64}$/),
        commonNames: ['partner1.example'],
        isTrusted: true,
      },
      {
        fingerprint: expect.stringMatching(/^[0-9A-F]{64}$/),
        commonNames: ['localhost'],
        isTrusted: false,
      },
      undefined,
    ])
  })

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'are known in a resumed session, %s',
    async (version) => {
      const { server, origins } = await served({ tls })
      const own = { cert: PARTNER_CERTIFICATE, key: PARTNER_KEY, maxVersion: version }
      const bindOver = async (secure: TLSSocket) => {
        const peer = new ScriptedPeer(secure)
        peer.send(BIND)
        await peer.next('bind_transceiver_resp')
      }
      const first = connectTls({ host: HOST, port: server.port, ca: TEST_CERTIFICATE, ...own })
      sockets.push(first)
      const ticket = once(first, 'session')
      await once(first, 'secureConnect')
      await bindOver(first)
      const [session] = (await ticket) as [Buffer]
      const again = await secured(server.port, { ...own, session })
      await bindOver(again)
      expect(again.isSessionReused()).toBe(true)
      expect(origins[0]?.certificate).toMatchObject({ commonNames: ['partner1.example'] })
      expect(origins[1]?.certificate).toEqual(origins[0]?.certificate)
    },
  )
})

test('a flood of connections is one line of the log in ten seconds', async () => {
  const lines: unknown[] = []
  let now = 0
  const warn = (fields: object) => lines.push(fields)
  const logger = { ...silentSmppLogger, warn }
  const { server } = await served({ maxConnections: 1, logger, now: () => now, tickMs: 0 })
  await connected(server.port)
  for (const at of [0, 9_999, 10_000]) {
    now = at
    await new ScriptedPeer(await connected(server.port)).ended
  }
  expect(lines).toMatchObject([{ rejected: 1 }, { rejected: 3 }])
})

test('two servers share their caps', async () => {
  const caps = new ConnectionCaps({ maxUnboundPerAddress: 2 })
  const [plain, secure] = [await served({ caps }), await served({ caps, tls: TLS })]
  const peer = new ScriptedPeer(await connected(plain.server.port))
  await connected(secure.server.port)
  await vi.waitFor(() => expect(caps.figures.unbound).toBe(2))
  await new ScriptedPeer(await connected(plain.server.port)).ended
  await new ScriptedPeer(await connected(secure.server.port)).ended
  expect(caps.figures).toMatchObject({ unbound: 2, rejected: 2 })
  peer.send(BIND)
  await peer.next('bind_transceiver_resp')
  await vi.waitFor(() => expect(caps.figures).toMatchObject({ connections: 2, unbound: 1 }))
  expect([plain.server.stats.bound, secure.server.stats.bound]).toEqual([1, 0])
})

test('shows a renewed certificate to connections to come', async () => {
  const { server } = await served({ tls: TLS })
  const shown = () =>
    new Promise<string>((resolve, reject) => {
      const socket = connectTls(
        { host: HOST, port: server.port, rejectUnauthorized: false },
        () => {
          resolve(socket.getPeerCertificate().fingerprint256)
        },
      )
      sockets.push(socket)
      socket.on('error', reject)
    })
  const before = await shown()
  server.renewTls({ cert: PARTNER_CERTIFICATE, key: PARTNER_KEY })
  expect(await shown()).not.toBe(before)
  expect(() => server.renewTls({ cert: TEST_CERTIFICATE, key: PARTNER_KEY })).toThrow()
  expect(await shown()).not.toBe(before)
})
