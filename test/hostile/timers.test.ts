import { afterEach, expect, test } from 'vitest'
import { SmppClient } from '../../src/smpp/client.ts'
import { encodePdu } from '../../src/smpp/codec.ts'
import { COMMAND_IDS } from '../../src/smpp/commands.ts'
import { SmppServer, type SmppServerOptions } from '../../src/smpp/server.ts'
import type { Session, SessionEnd } from '../../src/smpp/session.ts'
import { rawPdu } from '../smpp/scripted-peer.ts'
import { HostilePeer } from './hostile-peer.ts'

/**
 * What only time ends, on the listener's own server with short timers: in the gateway the same
 * takes ten to forty seconds each.
 */

const cleanUps: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

interface Listener {
  readonly port: number
  /** How the sessions of hostile peers ended. */
  readonly ended: Promise<SessionEnd>
  /** A bound session of a well-behaved client. */
  readonly good: Session
}

async function listening(limits: Partial<SmppServerOptions<string>>): Promise<Listener> {
  let report: (end: SessionEnd) => void = () => {}
  const ended = new Promise<SessionEnd>((resolve) => {
    report = resolve
  })
  const server = new SmppServer<string>({
    host: '127.0.0.1',
    port: 0,
    system_id: 'gateway',
    tickMs: 5,
    authenticate: ({ system_id }) => ({ status: 0, context: system_id }),
    onRequest: () => ({ message_id: 'id' }),
    onSessionEnd: (_session, { context }, end) => {
      if (context === 'hostile') report(end)
    },
    ...limits,
  })
  await server.listen()
  cleanUps.push(() => server.close({ drainMs: 0 }))
  const good = await new Promise<Session>((resolve) => {
    const client = new SmppClient({
      host: '127.0.0.1',
      port: server.port,
      bindType: 'transceiver',
      system_id: 'good',
      onRequest: () => ({}),
      onBound: resolve,
    })
    client.start()
    cleanUps.push(() => client.close({ drainMs: 0 }))
  })
  return { port: server.port, ended, good }
}

/** Submits one after another until something has happened; gives how many were answered. */
async function submitUntil(session: Session, happened: Promise<unknown>): Promise<number> {
  let answered = 0
  let isOver = false
  void happened.then(() => {
    isOver = true
  })
  while (!isOver) {
    const { command_status } = await session.request({ command: 'submit_sm' })
    expect(command_status).toBe(0)
    answered++
  }
  return answered
}

test('a bound peer that stops in the middle of a PDU is asked, and closed without an answer', async () => {
  const { port, ended, good } = await listening({ enquireLinkMs: 100, answerTimeoutMs: 100 })
  const peer = await HostilePeer.bound(port, 'hostile', '')
  const submit = encodePdu({ command: 'submit_sm', short_message: Buffer.alloc(200) })
  let sent = 0
  // One octet at a time is no sign of life: only a whole PDU is.
  const drip = setInterval(() => {
    if (sent < submit.length - 1 && peer.socket.writable) {
      peer.sendOctets(submit.subarray(sent, ++sent))
    }
  }, 10)
  expect(await submitUntil(good, ended)).toBeGreaterThan(0)
  clearInterval(drip)
  expect(await ended).toEqual({ reason: 'no_answer' })
  await peer.next('enquire_link')
  await peer.closed
})

test('a peer that floods and never reads is closed, and little is held for it', async () => {
  const { port, ended, good } = await listening({ writeTimeoutMs: 300, enquireLinkMs: 0 })
  const peer = await HostilePeer.bound(port, 'hostile', '')
  peer.socket.pause()
  const link = rawPdu(COMMAND_IDS.enquire_link, 7)
  const flood = Buffer.concat(Array.from({ length: 4_096 }, () => link))
  const before = process.memoryUsage().rss
  const floodOn = () => {
    // As much as the kernel takes, and no more: what waits here would be ours, not the server's.
    while (peer.socket.writable && peer.socket.writableLength < flood.length) peer.sendOctets(flood)
  }
  peer.socket.on('drain', floodOn)
  floodOn()
  expect(await submitUntil(good, ended)).toBeGreaterThan(0)
  expect(await ended).toEqual({ reason: 'slow_reader' })
  expect(process.memoryUsage().rss - before).toBeLessThan(250 * 2 ** 20)
  peer.socket.destroy()
})

test('a peer that floods with submits and never reads is closed', async () => {
  const { port, ended, good } = await listening({ writeTimeoutMs: 300, enquireLinkMs: 0 })
  const peer = await HostilePeer.bound(port, 'hostile', '')
  peer.socket.pause()
  const submit = encodePdu({ command: 'submit_sm', short_message: Buffer.alloc(10) })
  const flood = Buffer.concat(Array.from({ length: 1_000 }, () => submit))
  const floodOn = () => {
    while (peer.socket.writable && peer.socket.writableLength < flood.length) peer.sendOctets(flood)
  }
  peer.socket.on('drain', floodOn)
  floodOn()
  expect(await submitUntil(good, ended)).toBeGreaterThan(0)
  expect(await ended).toEqual({ reason: 'slow_reader' })
  peer.socket.destroy()
})

test('a peer that has vanished without a FIN is found by its silence', async () => {
  const { port, ended, good } = await listening({ enquireLinkMs: 50, answerTimeoutMs: 50 })
  const peer = await HostilePeer.bound(port, 'hostile', '')
  peer.socket.pause()
  expect(await submitUntil(good, ended)).toBeGreaterThan(0)
  expect(await ended).toEqual({ reason: 'no_answer' })
  peer.socket.destroy()
})

test('a peer that says nothing is closed where silence has a limit', async () => {
  const { port, ended, good } = await listening({ inactivityMs: 200, enquireLinkMs: 0 })
  const peer = await HostilePeer.bound(port, 'hostile', '')
  expect(await submitUntil(good, ended)).toBeGreaterThan(0)
  expect(await ended).toEqual({ reason: 'inactive' })
  await peer.closed
})
