import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { SmppClient, type SmppClientOptions } from '../../src/smpp/client.ts'
import { silentSmppLogger } from '../../src/smpp/logger.ts'
import type { Pdu, PduInput } from '../../src/smpp/pdu.ts'
import { type BoundPeer, SmppServer, type SmppServerOptions } from '../../src/smpp/server.ts'
import type { Session, SessionEnd } from '../../src/smpp/session.ts'
import { CommandStatus } from '../../src/smpp/status.ts'
import { TlvTag, tlvInt } from '../../src/smpp/tlv.ts'
import { ScriptedPeer } from './scripted-peer.ts'
import { TEST_CERTIFICATE, TEST_KEY } from './tls-certificate.ts'

interface Account {
  readonly name: string
}

const HOST = '127.0.0.1'
const BIND: PduInput = {
  command: 'bind_transceiver',
  sequence_number: 1,
  system_id: 'partner',
  password: 'secret',
  interface_version: 0x34,
}

const servers: SmppServer<Account>[] = []
const clients: SmppClient[] = []
const sockets: Socket[] = []

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await Promise.all(clients.splice(0).map((client) => client.close({ drainMs: 0 })))
  await Promise.all(servers.splice(0).map((server) => server.close({ drainMs: 0 })))
})

async function listening(
  options: Partial<SmppServerOptions<Account>> = {},
): Promise<SmppServer<Account>> {
  const server = new SmppServer<Account>({
    host: HOST,
    port: 0,
    system_id: 'gateway',
    authenticate: ({ system_id, password }) =>
      password === 'secret'
        ? { status: 0, context: { name: system_id } }
        : { status: CommandStatus.ESME_RINVPASWD },
    onRequest: () => ({ message_id: 'id' }),
    ...options,
  })
  servers.push(server)
  await server.listen()
  return server
}

async function peerOf(server: SmppServer<Account>): Promise<ScriptedPeer> {
  const socket = connect({ host: HOST, port: server.port, allowHalfOpen: true })
  sockets.push(socket)
  await once(socket, 'connect')
  return new ScriptedPeer(socket)
}

/** Waits for the first call of a callback with several arguments. */
function firstCall<Args extends unknown[]>(): [(...args: Args) => void, Promise<Args>] {
  let callback: (...args: Args) => void = () => undefined
  const called = new Promise<Args>((resolve) => {
    callback = (...args) => resolve(args)
  })
  return [callback, called]
}

describe('binds', () => {
  test('hands over a bound session with the account of its bind', async () => {
    const [onSession, bound] = firstCall<[Session, BoundPeer<Account>]>()
    const requests: [Pdu['command'], string][] = []
    const server = await listening({
      onSession,
      onRequest: (pdu, _session, peer) => {
        requests.push([pdu.command, peer.context.name])
        return { message_id: 'm1' }
      },
    })
    const peer = await peerOf(server)
    peer.send(BIND)
    const response = await peer.next('bind_transceiver_resp')
    expect(response).toMatchObject({ command_status: 0, system_id: 'gateway' })
    expect(tlvInt(response.tlvs, TlvTag.sc_interface_version)).toBe(0x34)
    const [session, about] = await bound
    expect(session.peerVersion).toBe(0x34)
    expect(about).toMatchObject({
      remoteAddress: HOST,
      tls: false,
      bind: { system_id: 'partner', password: '' },
    })
    peer.send({ command: 'submit_sm', sequence_number: 2 })
    expect(await peer.next('submit_sm_resp')).toMatchObject({ message_id: 'm1' })
    expect(requests).toEqual([['submit_sm', 'partner']])
    expect(server.stats).toEqual({ connections: 1, bound: 1, unbound: 0, rejected: 0 })
  })

  test('sends no TLVs to a peer of 3.3', async () => {
    const peer = await peerOf(await listening())
    peer.send({ ...BIND, command: 'bind_transmitter', interface_version: 0x33 })
    expect((await peer.next('bind_transmitter_resp')).tlvs).toEqual([])
  })

  test('answers a refused bind, then closes', async () => {
    const [onUnboundEnd, ended] = firstCall<[string, SessionEnd]>()
    const peer = await peerOf(await listening({ onUnboundEnd }))
    peer.send({ ...BIND, password: 'wrong' })
    expect(await peer.next('bind_transceiver_resp')).toMatchObject({
      command_status: CommandStatus.ESME_RINVPASWD,
    })
    await peer.ended
    expect(await ended).toEqual([HOST, { reason: 'bind_refused' }])
  })

  test('answers ESME_RSYSERR when the application fails to judge', async () => {
    const peer = await peerOf(
      await listening({ authenticate: () => Promise.reject(new Error('database down')) }),
    )
    peer.send(BIND)
    expect(await peer.next('bind_transceiver_resp')).toMatchObject({
      command_status: CommandStatus.ESME_RSYSERR,
    })
    await peer.ended
  })

  test('what the application sends at once follows the bind response', async () => {
    const peer = await peerOf(
      await listening({
        onSession: (session) => {
          session.request({ command: 'deliver_sm' }).catch(() => undefined)
        },
      }),
    )
    peer.send(BIND)
    await peer.next('bind_transceiver_resp')
    await peer.next('deliver_sm')
  })

  test('takes the window of the verdict', async () => {
    const [onSession, bound] = firstCall<[Session, BoundPeer<Account>]>()
    const server = await listening({
      onSession,
      windowSize: 10,
      authenticate: () => ({ status: 0, windowSize: 3, systemId: 'brand' }),
    })
    const peer = await peerOf(server)
    peer.send(BIND)
    expect(await peer.next('bind_transceiver_resp')).toMatchObject({ system_id: 'brand' })
    const [session] = await bound
    expect(session.windowSize).toBe(3)
  })

  test('takes the other figures of the verdict: requests in work, inactivity', async () => {
    const [onSessionEnd, ended] = firstCall<[Session, BoundPeer<Account>, SessionEnd]>()
    const open: ((reply: { message_id: string }) => void)[] = []
    const server = await listening({
      tickMs: 1,
      onSessionEnd,
      authenticate: () => ({ status: 0, maxInboundPending: 2, inactivityMs: 50 }),
      onRequest: () => new Promise((resolve) => open.push(resolve)),
    })
    const peer = await peerOf(server)
    peer.send(BIND)
    await peer.next('bind_transceiver_resp')
    const submits = [2, 3, 4].map((sequence_number) => ({
      command: 'submit_sm' as const,
      sequence_number,
    }))
    peer.send(...submits)
    await vi.waitFor(() => expect(open).toHaveLength(2))
    open[1]?.({ message_id: 'second' })
    expect(await peer.next('submit_sm_resp')).toMatchObject({ sequence_number: 3 })
    await vi.waitFor(() => expect(open).toHaveLength(3))
    for (const answer of open) answer({ message_id: 'other' })
    expect((await ended)[2]).toEqual({ reason: 'inactive' })
  })

  test('lets go of an accepted peer once, even if it went before it was bound', async () => {
    const released: string[] = []
    const [onUnboundEnd, ended] = firstCall<[string, SessionEnd]>()
    let accept: () => void = () => undefined
    const [called, judged] = firstCall<[string]>()
    const server = await listening({
      onUnboundEnd,
      authenticate: async ({ system_id }, origin) => {
        called(system_id)
        if (system_id === 'hasty') await new Promise<void>((resolve) => (accept = resolve))
        expect(origin.isOpen()).toBe(system_id !== 'hasty')
        return { status: 0, release: () => released.push(system_id) }
      },
    })
    const hasty = await peerOf(server)
    hasty.send({ ...BIND, system_id: 'hasty' })
    await judged
    hasty.stream.end()
    await ended
    accept()
    await vi.waitFor(() => expect(released).toEqual(['hasty']))
    const peer = await peerOf(server)
    peer.send(BIND)
    await peer.next('bind_transceiver_resp')
    peer.stream.end()
    await vi.waitFor(() => expect(released).toEqual(['hasty', 'partner']))
  })

  test('closes a connection that does not bind in time', async () => {
    const [onUnboundEnd, ended] = firstCall<[string, SessionEnd]>()
    const server = await listening({ sessionInitMs: 5, tickMs: 1, onUnboundEnd })
    const peer = await peerOf(server)
    await peer.ended
    expect((await ended)[1]).toEqual({ reason: 'not_bound' })
  })
})

describe('hostile peers', () => {
  test.each([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: gateway\r\n\r\n')],
    ['TLS', Buffer.from('16030100c8010000c4030300000000000000000000000000000000', 'hex')],
    ['AMQP', Buffer.from('414d515000000901', 'hex')],
    ['RDP', Buffer.from('0300002f2ae00000000000436f6f6b69653a20', 'hex')],
    ['a length of 0', Buffer.alloc(16)],
    ['a length of 2 GiB', Buffer.from('7fffffff00000004', 'hex')],
  ])('%s gets a generic_nack and no more', async (_name, octets) => {
    const [onUnboundEnd, ended] = firstCall<[string, SessionEnd]>()
    const server = await listening({ onUnboundEnd })
    const peer = await peerOf(server)
    peer.sendOctets(octets)
    expect(await peer.next('generic_nack')).toMatchObject({
      command_status: CommandStatus.ESME_RINVCMDLEN,
    })
    await peer.ended
    expect((await ended)[1]).toMatchObject({ reason: 'frame_invalid' })
    const well = await peerOf(server)
    well.send(BIND)
    await well.next('bind_transceiver_resp')
  })

  test('the caps on unbound connections hold, and bound ones do not count', async () => {
    const server = await listening({ maxUnboundPerAddress: 2 })
    const first = await peerOf(server)
    await peerOf(server)
    const third = await peerOf(server)
    await third.ended
    expect(server.stats).toMatchObject({ unbound: 2, rejected: 1 })
    first.send(BIND)
    await first.next('bind_transceiver_resp')
    const fourth = await peerOf(server)
    fourth.send(BIND)
    await fourth.next('bind_transceiver_resp')
    expect(server.stats).toMatchObject({ bound: 2, unbound: 1, rejected: 1 })
  })

  test('a cap over all addresses holds', async () => {
    const server = await listening({ maxConnections: 1 })
    await peerOf(server)
    await (await peerOf(server)).ended
    expect(server.stats.rejected).toBe(1)
  })

  test('a flood of connections is one line of the log in ten seconds', async () => {
    let now = 0
    const lines: string[] = []
    const logger = { ...silentSmppLogger, warn: (_: object, line: string) => void lines.push(line) }
    const server = await listening({ maxUnboundPerAddress: 1, logger, now: () => now })
    await peerOf(server)
    for (let count = 0; count < 20; count++) await (await peerOf(server)).ended
    expect(server.stats.rejected).toBe(20)
    expect(lines).toEqual(['connections rejected: too many'])
    now = 10_000
    await (await peerOf(server)).ended
    expect(lines).toHaveLength(2)
  })

  test('a reset in the middle of a PDU ends only that session', async () => {
    const [onSessionEnd, ended] = firstCall<[Session, BoundPeer<Account>, SessionEnd]>()
    const server = await listening({ onSessionEnd })
    const peer = await peerOf(server)
    peer.send(BIND)
    await peer.next('bind_transceiver_resp')
    peer.sendOctets(Buffer.from('0000004000000004', 'hex'))
    ;(peer.stream as Socket).resetAndDestroy()
    const [, about, end] = await ended
    expect(about.context.name).toBe('partner')
    expect(['socket_error', 'peer_closed']).toContain(end.reason)
    expect(server.stats).toMatchObject({ bound: 0 })
  })
})

describe('listening and closing', () => {
  test('a port in use is named', async () => {
    const { port } = await listening()
    const second = new SmppServer<Account>({
      host: HOST,
      port,
      system_id: 'gateway',
      authenticate: () => ({ status: 0 }),
      onRequest: () => ({}),
    })
    await expect(second.listen()).rejects.toMatchObject({
      code: 'port_in_use',
      message: `port ${port} is in use`,
    })
    await second.close()
  })

  test('close unbinds every session and drops what is not bound', async () => {
    const server = await listening()
    const [bound, idle] = [await peerOf(server), await peerOf(server)]
    bound.send(BIND)
    await bound.next('bind_transceiver_resp')
    const { port } = server
    const closed = server.close({ drainMs: 1000 })
    const { sequence_number } = await bound.next('unbind')
    bound.send({ command: 'unbind_resp', sequence_number })
    await idle.ended
    await closed
    await server.close()
    const late = connect({ host: HOST, port })
    const [error] = await once(late, 'error')
    expect(error).toMatchObject({ code: 'ECONNREFUSED' })
  })
})

describe('TLS', () => {
  const tls = { key: TEST_KEY, cert: TEST_CERTIFICATE }

  function attempt(
    server: SmppServer<Account>,
    tlsOptions: NonNullable<SmppClientOptions['tls']>,
  ): Promise<Session | Error> {
    return new Promise((resolve) => {
      const client = new SmppClient({
        host: HOST,
        port: server.port,
        tls: tlsOptions,
        bindType: 'transceiver',
        system_id: 'partner',
        password: 'secret',
        onRequest: () => ({}),
        onBound: resolve,
        onAttemptFailed: resolve,
      })
      clients.push(client)
      client.start()
    })
  }

  test('binds over TLS and accounts for the connection', async () => {
    const [onSession, bound] = firstCall<[Session, BoundPeer<Account>]>()
    const server = await listening({ tls, onSession })
    const session = await attempt(server, { ca: TEST_CERTIFICATE })
    if (session instanceof Error) throw session
    expect((await bound)[1]).toMatchObject({ tls: true, remoteAddress: HOST })
    expect(await session.request({ command: 'submit_sm' })).toMatchObject({ message_id: 'id' })
    expect(server.stats).toEqual({ connections: 1, bound: 1, unbound: 0, rejected: 0 })
    await clients.splice(0)[0]?.close()
    await server.close()
    expect(server.stats).toEqual({ connections: 0, bound: 0, unbound: 0, rejected: 0 })
  })

  test('a client does not trust a stranger unless told to', async () => {
    const server = await listening({ tls })
    expect(await attempt(server, {})).toMatchObject({ code: 'connect_failed' })
    const session = await attempt(server, { rejectUnauthorized: false })
    expect(session).not.toBeInstanceOf(Error)
  })

  test('a peer without TLS is turned away, and the next is served', async () => {
    const server = await listening({ tls })
    const plain = await peerOf(server)
    plain.stream.removeAllListeners('data').resume()
    plain.sendOctets(Buffer.from('00000010000000150000000000000001', 'hex'))
    await plain.ended
    const socket = connectTls({ host: HOST, port: server.port, ca: TEST_CERTIFICATE })
    sockets.push(socket)
    await once(socket, 'secureConnect')
    const peer = new ScriptedPeer(socket)
    peer.send(BIND)
    await peer.next('bind_transceiver_resp')
  })
})
