import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { SmppClient } from '../../src/smpp/client.ts'
import { decodePdu, encodePdu } from '../../src/smpp/codec.ts'
import type { PduInput } from '../../src/smpp/pdu.ts'
import { Recorder, type RecorderOptions, type Recording } from '../../src/smpp/recorder.ts'
import { SmppServer } from '../../src/smpp/server.ts'
import type { Session } from '../../src/smpp/session.ts'
import { CommandStatus } from '../../src/smpp/status.ts'
import { ScriptedPeer } from './scripted-peer.ts'

const HOST = '127.0.0.1'
const BIND: PduInput = {
  command: 'bind_transceiver',
  sequence_number: 1,
  system_id: 'partner',
  password: 'secret',
  interface_version: 0x34,
}
const SUBMIT: PduInput = {
  command: 'submit_sm',
  destination_addr: '447700900123',
  short_message: Buffer.from('hello'),
}

const cleanUps: (() => Promise<unknown> | unknown)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

async function recordingServer(options: Partial<RecorderOptions> = {}) {
  const recorder = new Recorder({ pdusPerBind: 5, keepEnded: 2, ...options })
  const server = new SmppServer({
    host: HOST,
    port: 0,
    system_id: 'gateway',
    authenticate: ({ password }) =>
      password === 'secret'
        ? { status: 0, context: undefined }
        : { status: CommandStatus.ESME_RINVPASWD },
    onRequest: () => ({ message_id: 'id-7' }),
    openRecording: (stream) =>
      recorder.open({ role: 'smsc', stream, owner: null, label: null, systemId: null }),
  })
  await server.listen()
  cleanUps.push(() => server.close({ drainMs: 0 }))
  return { recorder, server }
}

async function open(port: number): Promise<{ socket: Socket; peer: ScriptedPeer }> {
  const socket = connect({ host: HOST, port, allowHalfOpen: true })
  await once(socket, 'connect')
  cleanUps.push(() => socket.destroy())
  return { socket, peer: new ScriptedPeer(socket) }
}

async function bound(port: number): Promise<{ socket: Socket; peer: ScriptedPeer }> {
  const connection = await open(port)
  connection.peer.send(BIND)
  await connection.peer.next('bind_transceiver_resp')
  return connection
}

async function ended(recorder: Recorder, count = 1): Promise<readonly Recording[]> {
  return await vi.waitFor(() => {
    const over = recorder.recordings.filter(({ endedAt }) => endedAt !== null)
    expect(over.length).toBeGreaterThanOrEqual(count)
    return over
  })
}

/** The commands of a recording, `>` before what we sent. */
function commands(recording: Recording | undefined): string[] {
  return (recording?.pdus() ?? []).map(
    ({ octets, isSent }) => `${isSent ? '>' : '<'} ${decodePdu(octets).command}`,
  )
}

test('a bind keeps its latest PDUs of both directions, octet for octet', async () => {
  const { recorder, server } = await recordingServer()
  const { socket, peer } = await bound(server.port)
  const [recording] = recorder.recordings
  expect(recording).toMatchObject({
    role: 'smsc',
    owner: 'partner',
    label: 'transceiver',
    systemId: 'partner',
    state: 'bound_trx',
    isTls: false,
    endedAt: null,
    local: { address: HOST, port: server.port },
    remote: { address: HOST, port: socket.localPort },
  })
  expect(commands(recording)).toEqual(['< bind_transceiver', '> bind_transceiver_resp'])
  const submits = [2, 3, 4].map((sequence_number) => encodePdu({ ...SUBMIT, sequence_number }))
  // One cut in the middle: what is recorded is whole.
  const stream = Buffer.concat(submits)
  peer.sendOctets(stream.subarray(0, 70))
  await vi.waitFor(() => expect(recording?.counters?.octetsIn).toBeGreaterThan(70))
  peer.sendOctets(stream.subarray(70))
  for (const _ of submits) await peer.next('submit_sm_resp')
  const pdus = recording?.pdus() ?? []
  expect(pdus).toHaveLength(5)
  expect(recording?.dropped).toBe(3)
  expect(pdus.at(-1)).toMatchObject({ number: 8, isSent: true })
  const came = pdus.filter(({ isSent }) => !isSent).map(({ octets }) => octets)
  expect(came).toEqual(submits.slice(-came.length))
  const bindOctets = encodePdu(BIND).length
  const offsets = pdus.filter(({ isSent }) => !isSent).map(({ streamOffset }) => streamOffset)
  const octets = (submits[0] as Buffer).length
  expect(offsets).toEqual(came.map((_, index) => bindOctets + (3 - came.length + index) * octets))
})

test('both ends of a connection record the same octets', async () => {
  const near = new Recorder({ pdusPerBind: 50, keepEnded: 1 })
  const { recorder: far, server } = await recordingServer({ pdusPerBind: 50 })
  const session = await new Promise<Session>((resolve, reject) => {
    const client = new SmppClient({
      host: HOST,
      port: server.port,
      bindType: 'transceiver',
      system_id: 'me',
      password: 'secret',
      onRequest: () => undefined,
      onBound: resolve,
      onAttemptFailed: reject,
      openRecording: (stream) =>
        near.open({ role: 'esme', stream, owner: 'alpha', label: 'trx-1', systemId: 'me' }),
    })
    client.start()
    cleanUps.push(() => client.close({ drainMs: 0 }))
  })
  const marks = Array.from({ length: 20 }, (_, number) => ({ number }))
  await Promise.all(marks.map((tag) => session.request(SUBMIT, { tag })))
  const [ours] = near.recordings
  const [theirs] = far.recordings
  const octetsOf = (recording: Recording | undefined, isSent: boolean) =>
    recording?.pdus().flatMap((pdu) => (pdu.isSent === isSent ? [pdu.octets] : []))
  expect(octetsOf(ours, true)).toHaveLength(21)
  expect(octetsOf(ours, true)).toEqual(octetsOf(theirs, false))
  expect(octetsOf(ours, false)).toEqual(octetsOf(theirs, true))
  expect(ours).toMatchObject({ owner: 'alpha', label: 'trx-1', remote: { port: server.port } })
  // The eighth request after the bind, which had the first sequence number.
  expect(ours?.sequencesOf((tag) => tag === marks[7])).toEqual([9])
})

test('an ended bind is kept with its end and its counters, but not for ever', async () => {
  const { recorder, server } = await recordingServer({ keepEnded: 2 })
  for (let round = 0; round < 3; round++) {
    const { peer } = await bound(server.port)
    peer.send({ command: 'unbind', sequence_number: 2 })
    await peer.next('unbind_resp')
    await peer.ended
  }
  await vi.waitFor(() => expect(recorder.recordings).toHaveLength(2))
  const [last] = (await ended(recorder, 2)).slice(-1)
  expect(last).toMatchObject({ endReason: 'unbound_by_peer', state: 'closed', owner: 'partner' })
  expect(last?.counters).toMatchObject({ pdusIn: 2, pdusOut: 2 })
  expect(commands(last)).toEqual([
    '< bind_transceiver',
    '> bind_transceiver_resp',
    '< unbind',
    '> unbind_resp',
  ])
  expect(recorder.find(last?.id ?? '')).toBe(last)
})

test('a refused bind is kept apart from binds, under the name it gave', async () => {
  const { recorder, server } = await recordingServer({ keepEnded: 1 })
  const { peer } = await bound(server.port)
  for (let round = 0; round < 3; round++) {
    const refused = await open(server.port)
    refused.peer.send({ ...BIND, password: 'wrong' })
    await refused.peer.next('bind_transceiver_resp')
    await refused.peer.ended
  }
  await vi.waitFor(() => expect(recorder.recordings).toHaveLength(2))
  const [kept] = await ended(recorder)
  expect(kept).toMatchObject({ owner: null, systemId: 'partner', boundAt: null })
  expect(kept?.endReason).toBe('bind_refused')
  expect(commands(kept)).toEqual(['< bind_transceiver', '> bind_transceiver_resp'])
  peer.send({ command: 'unbind', sequence_number: 2 })
  await peer.ended
  expect(await ended(recorder, 2)).toHaveLength(2)
})

test('what a probe says is kept, its first 256 octets', async () => {
  const { recorder, server } = await recordingServer()
  const { peer } = await open(server.port)
  const request = `GET / HTTP/1.1\r\nHost: ${'x'.repeat(400)}\r\n\r\n`
  peer.sendOctets(Buffer.from(request))
  await peer.ended
  const [probe] = await ended(recorder)
  expect(probe).toMatchObject({ boundAt: null, systemId: null, endReason: 'frame_invalid' })
  const [first, second] = probe?.pdus() ?? []
  expect(first).toMatchObject({ isPdu: false, isSent: false })
  expect(first?.octets.toString()).toBe(request.slice(0, 256))
  expect(second).toMatchObject({ isSent: true, isPdu: true })
})

test('half a PDU is kept when its connection ends', async () => {
  const { recorder, server } = await recordingServer()
  const { socket, peer } = await bound(server.port)
  peer.sendOctets(encodePdu({ ...SUBMIT, sequence_number: 2 }).subarray(0, 30))
  socket.end()
  const [recording] = await ended(recorder)
  expect(recording?.pdus().at(-1)).toMatchObject({
    isPdu: false,
    octets: encodePdu({ ...SUBMIT, sequence_number: 2 }).subarray(0, 30),
  })
})

test('switched off, connections are listed and nothing is kept of them', async () => {
  const { recorder, server } = await recordingServer({ pdusPerBind: 0 })
  const { peer } = await bound(server.port)
  peer.send({ ...SUBMIT, sequence_number: 2 })
  await peer.next('submit_sm_resp')
  const [recording] = recorder.recordings
  expect(recording).toMatchObject({ state: 'bound_trx', size: 0 })
  expect(recording?.pdus()).toEqual([])
  expect(recording?.counters).toMatchObject({ pdusIn: 2 })
})

test('other limits hold for connections that open, and for those that have ended', async () => {
  const { recorder, server } = await recordingServer({ pdusPerBind: 5, keepEnded: 2 })
  const before = await bound(server.port)
  recorder.follow({ pdusPerBind: 0, keepEnded: 1 })
  await bound(server.port)
  const [first, second] = recorder.recordings
  expect([first?.size, second?.size]).toEqual([2, 0])
  before.socket.destroy()
  await vi.waitFor(() => expect(first?.endedAt).not.toBeNull())
  recorder.follow({ pdusPerBind: 5, keepEnded: 0 })
  expect(recorder.recordings).toEqual([second])
})
