import { X509Certificate } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import smpp from 'smpp'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type {
  CarrierReceipt,
  InboundPart,
  OutboundMessage,
  SegmentOutcome,
} from '../../src/carriers/carrier.ts'
import { SmppCarrier } from '../../src/carriers/smpp-carrier.ts'
import { completeCarrier } from '../../src/config/load.ts'
import type { SmppCarrierConfig } from '../../src/config/smpp-carriers.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { ReferenceCounter } from '../../src/encoding/reference.ts'
import { SandboxSmsc } from '../../src/sandbox/smsc.ts'
import type { SandboxSmscOptions } from '../../src/sandbox/smsc-options.ts'
import {
  PARTNER_CERTIFICATE,
  PARTNER_KEY,
  TEST_CERTIFICATE,
  TEST_KEY,
} from '../smpp/tls-certificate.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

const NOW = new Date()
const ACCOUNT = { systemId: 'esme', password: 'secret' }
const open: { close(): Promise<void> }[] = []

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

/** Values that a part reports, one by one, as they come. */
class Reports<Value> {
  readonly all: Value[] = []
  readonly #waiters: (() => void)[] = []

  add(value: Value): void {
    this.all.push(value)
    for (const wake of this.#waiters.splice(0)) wake()
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiters.push(resolve))
  }
}

async function connected(
  options: Partial<SandboxSmscOptions> = {},
  settings: Partial<SmppCarrierConfig> = {},
) {
  const smsc = new SandboxSmsc({
    ...ACCOUNT,
    name: 'alpha',
    receiptDelayMs: [1, 2],
    keepSubmits: 100,
    ...options,
  })
  const { port } = await smsc.start()
  open.push(smsc)
  return { smsc, ...(await toPort(port, settings)) }
}

/** A carrier of ours that is bound to whoever listens there. */
async function toPort(port: number, settings: Partial<SmppCarrierConfig> = {}) {
  const complete = completeCarrier({
    name: 'alpha',
    host: '127.0.0.1',
    port,
    ...ACCOUNT,
    rates: [],
  })
  const receipts = new Reports<CarrierReceipt>()
  const inbound = new Reports<InboundPart>()
  const changes = new Reports<string>()
  let refusals = 0
  const config: SmppCarrierConfig = { ...complete, responseTimeoutSeconds: 1, ...settings }
  const carrier = new SmppCarrier({
    config,
    references: new ReferenceCounter(),
    logger: silentLogger,
    events: {
      onReceipt: (receipt) => {
        if (refusals-- > 0) return Promise.reject(new Error('the database is away'))
        receipts.add(receipt)
        return Promise.resolve()
      },
      onInbound: (part) => {
        if (refusals-- > 0) return Promise.reject(new Error('the database is away'))
        inbound.add(part)
        return Promise.resolve()
      },
      onCapacityChange: (name) => changes.add(name),
    },
  })
  open.push({ close: () => carrier.close(0) })
  const refuseReceipts = (count: number) => {
    refusals = count
  }
  const isBound = () => carrier.binds.every(({ state }) => state === 'bound')
  carrier.start()
  if (!config.outbind) await changes.until(isBound)
  return { carrier, receipts, inbound, changes, refuseReceipts }
}

function message(text: string, to = '+447700900123'): OutboundMessage {
  return {
    id: 'id',
    tenantId: 'tenant',
    text,
    to,
    raw: null,
    partner: null,
    from: 'ACME',
    registeredDelivery: 0,
    passThrough: null,
    requestedEncoding: 'auto',
    maxSegments: null,
    sender: { value: 'ACME', ton: 5, npi: 0 },
    expiresAt: new Date(NOW.getTime() + 600_000),
    submit: { key: 'id 1', isRepetition: false, mayBeRepeated: false },
  }
}

describe('SmppCarrier', () => {
  it('is down with no capacity until it is started', () => {
    const settings = { host: '127.0.0.1', port: 1, systemId: 'esme', password: 'secret' }
    const carrier = new SmppCarrier({
      config: completeCarrier({ name: 'alpha', ...settings, rates: [] }),
      references: new ReferenceCounter(),
      logger: silentLogger,
      events: {
        onReceipt: () => Promise.resolve(),
        onInbound: () => Promise.resolve(),
        onCapacityChange() {},
      },
    })
    expect(carrier).toMatchObject({ isUp: false, capacity: 0 })
    expect(carrier.binds).toEqual([
      { bind: 'transceiver-1', host: '127.0.0.1:1', state: 'stopped', lastError: null },
    ])
  })

  it('submits a message and hands its receipt up', async () => {
    const { carrier, smsc, receipts } = await connected()
    const submission = carrier.prepare(message('Grüße'))
    expect(submission.segmentCount).toBe(1)
    const outcome = await submission.send(1, NOW)
    expect(outcome).toMatchObject({ kind: 'accepted', carrierMessageId: expect.any(String) })
    await receipts.until(() => receipts.all.length > 0)
    expect(receipts.all[0]).toMatchObject({
      carrier: 'alpha',
      carrierMessageId: (outcome as { carrierMessageId: string }).carrierMessageId,
      matchKeys: [(outcome as { matchKey: string }).matchKey],
      state: 'DELIVERED',
      settles: 'delivered',
    })
    expect(smsc.messages()).toMatchObject([{ from: 'ACME', to: '447700900123', text: 'Grüße' }])
  })

  it.each(['udh8', 'udh16', 'sar'] as const)(
    'sends long texts that arrive whole: %s',
    async (how) => {
      const { carrier, smsc } = await connected({}, { longMessages: how, sessions: 3, window: 1 })
      const text = 'Grüße 👩‍👩‍👧‍👦 '.repeat(20)
      expect(carrier.capacity).toBe(3)
      const submission = carrier.prepare(message(text))
      const segments = Array.from({ length: submission.segmentCount }, (_, index) => index + 1)
      expect(carrier.layOut(message(text)).segments).toBe(segments.length)
      const outcomes = await Promise.all(segments.map((segment) => submission.send(segment, NOW)))
      expect(outcomes.every(({ kind }) => kind === 'accepted')).toBe(true)
      expect(smsc.messages().map((each) => each.text)).toEqual([text])
      expect(smsc.submits().map(({ part }) => part?.number)).toEqual(segments)
    },
  )

  it.each([
    ['resp-hex', 'hex-response'],
    ['resp-dec', 'hex-receipt'],
    ['exact', 'uuid'],
  ] as const)('knows receipts by the profile %s', async (messageIdProfile, idForm) => {
    const { carrier, receipts } = await connected({ idForm }, { messageIdProfile })
    const outcome = await carrier.prepare(message('Hi')).send(1, NOW)
    await receipts.until(() => receipts.all.length > 0)
    expect(receipts.all[0]?.matchKeys).toContain((outcome as { matchKey: string }).matchKey)
  })

  it('is told of refusals and throttling', async () => {
    const { carrier } = await connected()
    expect(await carrier.prepare(message('Hi', '+447700999004')).send(1, NOW)).toMatchObject({
      kind: 'refused',
      code: 'destination_invalid',
      rawCode: '0x0000000b',
      class: 'message',
    })
    const throttled = carrier.prepare(message('Hi', '+447700999005'))
    expect((await throttled.send(1, NOW)).kind).toBe('throttled')
    expect((await throttled.send(1, NOW)).kind).toBe('accepted')
  })

  it.each(['relative', 'absolute'] as const)(
    'tells how long the message is valid, the same for all segments: %s',
    async (validity) => {
      const { carrier, smsc } = await connected({}, { validity })
      const submission = carrier.prepare(message('a'.repeat(400)))
      const now = new Date()
      await Promise.all([1, 2, 3].map((segment) => submission.send(segment, now)))
      const ends = smsc.submits().map(({ validUntil }) => validUntil?.getTime() ?? 0)
      expect(ends).toHaveLength(3)
      for (const end of ends) expect(Math.abs(end - NOW.getTime() - 600_000)).toBeLessThan(5_000)
    },
  )

  it('tells what is left when a segment is sent, not when it was made ready', async () => {
    const { carrier, smsc } = await connected()
    const throttled = carrier.prepare(message('Hi', '+447700999005'))
    await throttled.send(1, NOW)
    await throttled.send(1, new Date(NOW.getTime() + 540_000))
    const left = smsc.submits().map(({ validUntil, receivedAt }) => {
      return Math.round(((validUntil?.getTime() ?? 0) - receivedAt.getTime()) / 1_000)
    })
    expect(left).toEqual([600, 60])
  })

  it('tells the answer of a segment that came too late for its request', async () => {
    const { carrier, smsc } = await connected({ submitDelayMs: 1_500 })
    const late = new Reports<SegmentOutcome>()
    const submission = carrier.prepare(message('Hi'))
    const outcome = await submission.send(1, NOW, { onLate: (each) => late.add(each) })
    expect(outcome).toMatchObject({ kind: 'uncertain', reason: 'no response in time' })
    await late.until(() => late.all.length > 0)
    expect(late.all).toMatchObject([
      { kind: 'accepted', carrierMessageId: smsc.submits()[0]?.messageId },
    ])
  })

  it('asks what became of a segment', async () => {
    const { carrier } = await connected({ receiptDelayMs: [60_000, 60_000] })
    const { sender, to } = message('Hi')
    const outcome = await carrier.prepare(message('Hi')).send(1, NOW)
    const { carrierMessageId } = outcome as { carrierMessageId: string }
    expect(await carrier.query?.({ sender, to, carrierMessageId, submittedAt: NOW })).toMatchObject(
      {
        kind: 'state',
        settles: null,
      },
    )
    expect(
      await carrier.query?.({ sender, to, carrierMessageId: 'nobody', submittedAt: NOW }),
    ).toMatchObject({
      kind: 'refused',
    })
    await carrier.close(0)
    expect(await carrier.query?.({ sender, to, carrierMessageId, submittedAt: NOW })).toMatchObject(
      {
        kind: 'no_answer',
      },
    )
  })

  it('does not know what became of a segment without an answer', async () => {
    const { carrier } = await connected({ onSubmit: () => ({ answer: 'drop' }) })
    expect(await carrier.prepare(message('Hi')).send(1, NOW)).toMatchObject({ kind: 'uncertain' })
  })

  it('has surely not sent what it has no bind for', async () => {
    const { carrier } = await connected()
    const submission = carrier.prepare(message('Hi'))
    await carrier.close(0)
    expect(carrier).toMatchObject({ isUp: false, capacity: 0 })
    expect(await submission.send(1, NOW)).toEqual({ kind: 'not_sent', reason: 'no bind is up' })
    expect((await submission.send(2, NOW)).kind).toBe('not_sent')
  })

  it('gives what waits in a bind that ends to another bind', async () => {
    const binds: smpp.Session[] = []
    const peer = await SmppPeer.listen()
    open.push(peer)
    peer.onSubmit = ({ session, number }) => {
      if (!binds.includes(session)) binds.push(session)
      // The first bind never answers.
      return session === binds[0] ? 'silence' : { id: `m${number}`, receipt: false }
    }
    const { carrier } = await toPort(peer.port, { sessions: 2, window: 1 })
    const send = (text: string) => carrier.prepare(message(text)).send(1, NOW)
    const outcomes = ['a', 'b', 'c', 'd'].map(send)
    await peer.until(() => peer.submits.length >= 3)
    binds[0]?.destroy()
    const kinds = (await Promise.all(outcomes)).map(({ kind }) => kind)
    expect(kinds.filter((kind) => kind === 'uncertain')).toHaveLength(1)
    expect(kinds.filter((kind) => kind === 'accepted')).toHaveLength(3)
    expect(peer.submits).toHaveLength(4)
  })

  it('lets a bind finish that the carrier unbinds, gives on what waits in it, and binds again', async () => {
    const peer = await SmppPeer.listen()
    open.push(peer)
    const answers: { readonly session: smpp.Session; readonly go: () => void }[] = []
    peer.onSubmit = ({ session, number }) => {
      if (number > 2) return { id: `m${number}`, receipt: false }
      return new Promise((resolve) => {
        answers.push({ session, go: () => resolve({ id: `m${number}`, receipt: false }) })
      })
    }
    const { carrier } = await toPort(peer.port, {
      sessions: 2,
      window: 1,
      reconnectSeconds: { min: 1, max: 1 },
    })
    const outcomes = ['a', 'b', 'c', 'd'].map((text) => carrier.prepare(message(text)).send(1, NOW))
    await vi.waitFor(() => expect(answers).toHaveLength(2))
    const [ending, staying] = answers
    const unbound = new Promise((resolve) => ending?.session.unbind({}, resolve))
    await vi.waitFor(() => expect(carrier.capacity).toBe(1))
    ending?.go()
    await unbound
    ending?.session.close()
    staying?.go()
    const kinds = (await Promise.all(outcomes)).map(({ kind }) => kind)
    expect(kinds).toEqual(['accepted', 'accepted', 'accepted', 'accepted'])
    expect(peer.submits.slice(2).every(({ session }) => session === staying?.session)).toBe(true)
    await vi.waitFor(() => expect(carrier.capacity).toBe(2), { timeout: 10_000 })
    expect(peer.binds).toHaveLength(3)
  })

  it('waits with the journal for as long as its pace does', async () => {
    const { carrier } = await connected({}, { segmentsPerSecond: 100, window: 50 })
    // A quarter of a second's worth, whatever it is made of; one message always.
    expect(carrier.waitFor(25, 0, 0)).toBe(0)
    expect(carrier.waitFor(25, 1, 0)).toBe(20)
    expect(carrier.waitFor(1, 75, 0)).toBe(510)
    expect(carrier.waitFor(255, 0, 0)).toBe(0)
    expect(carrier.waitFor(255, 1, 0)).toBe(20)
    const open = await connected()
    expect(open.carrier.waitFor(1, 1_000_000, 0)).toBe(0)
  })

  it('falls back to another host, and moves its binds back one by one', async () => {
    const away = await SmppPeer.listen()
    const firstPort = away.port
    await away.close()
    const second = await SmppPeer.listen()
    open.push(second)
    const hosts = [firstPort, second.port].map((port) => ({ host: '127.0.0.1', port }))
    const { carrier, changes } = await toPort(second.port, {
      hosts,
      sessions: 2,
      preferFirstAfterSeconds: 1,
      reconnectSeconds: { min: 1, max: 1 },
    })
    expect(carrier.binds.map(({ host }) => host)).toEqual([
      `127.0.0.1:${second.port}`,
      `127.0.0.1:${second.port}`,
    ])
    let fewest = 2
    const first = await SmppPeer.listen(firstPort)
    open.push(first)
    const isMoved = () => {
      fewest = Math.min(fewest, carrier.capacity / 10)
      return carrier.binds.every(
        ({ host, state }) => host === `127.0.0.1:${firstPort}` && state === 'bound',
      )
    }
    await changes.until(isMoved)
    expect(fewest).toBe(1)
    expect(first.binds).toHaveLength(2)
  })

  it('takes a full queue for a refusal where only one destination has it', async () => {
    const peer = await SmppPeer.listen()
    open.push(peer)
    peer.onSubmit = ({ to, number }) =>
      to.endsWith('9') ? { status: 0x14 } : { id: `m${number}`, receipt: false }
    const { carrier } = await toPort(peer.port)
    const stuck = carrier.prepare(message('Hi', '+447700900129'))
    const kinds: string[] = []
    for (let time = 0; time < 4; time++) {
      // Nothing is taken between the first and the second: the whole account may be full.
      if (time > 1) await carrier.prepare(message('Hi')).send(1, NOW)
      kinds.push((await stuck.send(1, NOW, { again: time > 0 })).kind)
    }
    expect(kinds).toEqual(['throttled', 'throttled', 'throttled', 'refused'])
  })

  it('shows a renewed certificate when it connects again, and does not connect for it', async () => {
    const shown: string[] = []
    const sessions: smpp.Session[] = []
    const ours = { key: TEST_KEY, cert: TEST_CERTIFICATE }
    const options = { ...ours, requestCert: true, rejectUnauthorized: false }
    const server = smpp.createServer(options, (session) => {
      sessions.push(session)
      shown.push((session.socket as TLSSocket).getPeerCertificate().fingerprint256)
      session.on('pdu', (pdu) => {
        if (!pdu.isResponse()) session.send(pdu.response())
      })
      session.on('error', () => undefined)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    open.push({ close: async () => void server.close() })
    const tls = { ca: undefined, serverName: undefined, rejectUnauthorized: false }
    const { carrier, changes } = await toPort((server.address() as AddressInfo).port, {
      tls: { ...tls, ...ours },
      reconnectSeconds: { min: 1, max: 1 },
    })
    const renewed = { ...tls, cert: PARTNER_CERTIFICATE, key: PARTNER_KEY }
    carrier.follow({ ...carrier.config, tls: renewed })
    expect((await carrier.prepare(message('Hi')).send(1, NOW)).kind).toBe('accepted')
    expect(shown).toEqual([new X509Certificate(TEST_CERTIFICATE).fingerprint256])
    sessions[0]?.destroy()
    await changes.until(() => !carrier.isUp)
    await changes.until(() => carrier.isUp)
    expect(shown[1]).toBe(new X509Certificate(PARTNER_CERTIFICATE).fingerprint256)
    expect(carrier.lostConnections).toBe(1)
  })

  describe('asked by outbind', () => {
    const SMSC = { systemId: 'smsc', password: 'pw' }

    /** A carrier of ours that listens, and an SMSC on the package that connects to it. */
    async function asked(bind: 'receiver' | 'transceiver', password = SMSC.password) {
      const { carrier, receipts, changes } = await toPort(1, {
        outbind: { host: '127.0.0.1', port: 0, ...SMSC, bind },
      })
      const listening = () => carrier.binds.find((each) => each.bind === 'outbind')
      await vi.waitFor(() => expect(listening()?.state).toBe('listening'))
      const port = Number(listening()?.host.split(':')[1])
      const session = smpp.connect({ host: '127.0.0.1', port })
      open.push({
        close: async () => session.destroy(),
      })
      const pdus: smpp.PDU[] = []
      session.on('error', () => undefined)
      session.on('pdu', (pdu) => {
        pdus.push(pdu)
        if (pdu.command === 'submit_sm') session.send(pdu.response({ message_id: 'out-1' }))
        else if (!pdu.isResponse()) session.send(pdu.response())
      })
      session.on('connect', () => session.outbind({ system_id: SMSC.systemId, password }))
      return { carrier, session, pdus, receipts, changes, listening }
    }

    it('binds as a receiver on that connection, and hears receipts there', async () => {
      const { session, pdus, receipts, carrier, listening } = await asked('receiver')
      await vi.waitFor(() => expect(listening()?.state).toBe('bound'))
      expect(pdus[0]).toMatchObject({ command: 'bind_receiver', system_id: 'esme' })
      session.deliver_sm({
        esm_class: 4,
        source_addr: '447700900123',
        destination_addr: 'ACME',
        short_message: Buffer.from('id:o-1 stat:DELIVRD err:000 text:'),
      })
      await receipts.until(() => receipts.all.length > 0)
      expect(receipts.all[0]).toMatchObject({ carrierMessageId: 'o-1', state: 'DELIVERED' })
      // It only receives.
      expect(carrier.isUp).toBe(false)
      session.close()
      await vi.waitFor(() => expect(listening()?.state).toBe('listening'))
    })

    it('sends over it too where it is a transceiver', async () => {
      const { carrier, changes, pdus } = await asked('transceiver')
      await changes.until(() => carrier.isUp)
      expect(pdus[0]).toMatchObject({ command: 'bind_transceiver' })
      expect(await carrier.prepare(message('Hi')).send(1, NOW)).toMatchObject({
        kind: 'accepted',
        carrierMessageId: 'out-1',
      })
    })

    it('listens elsewhere, and with another password, once its settings change', async () => {
      const { carrier, listening, session } = await asked('receiver')
      await vi.waitFor(() => expect(listening()?.state).toBe('bound'))
      const closed = new Promise<void>((resolve) => session.on('close', () => resolve()))
      const { config } = carrier
      carrier.follow({
        ...config,
        outbind: { ...SMSC, host: '127.0.0.1', port: 0, bind: 'receiver' },
      })
      expect(listening()?.state).toBe('bound')
      const outbind = { host: '127.0.0.1', port: 0, systemId: 'smsc', password: 'new' } as const
      carrier.follow({ ...config, outbind: { ...outbind, bind: 'receiver' } })
      await closed
      await vi.waitFor(() => expect(listening()?.state).toBe('listening'))
      carrier.follow({ ...config, outbind: undefined })
      expect(listening()).toBeUndefined()
    })

    it('listens as soon as the port is free', async () => {
      const other = await SmppPeer.listen()
      const { carrier } = await toPort(1, {
        outbind: { host: '127.0.0.1', port: other.port, ...SMSC, bind: 'receiver' },
      })
      const listening = () => carrier.binds.find((each) => each.bind === 'outbind')
      await vi.waitFor(() => expect(listening()?.lastError).toContain('EADDRINUSE'))
      await other.close()
      await vi.waitFor(() => expect(listening()).toMatchObject({ state: 'listening' }), {
        timeout: 10_000,
      })
      expect(listening()?.lastError).toBeNull()
    })

    it('closes the connection of whoever gives another password', async () => {
      const { session, pdus, listening } = await asked('receiver', 'guess')
      await new Promise<void>((resolve) => session.on('close', () => resolve()))
      expect(pdus).toEqual([])
      expect(listening()?.state).toBe('listening')
    })
  })

  it('gets a receipt again that could not be stored', async () => {
    const { carrier, receipts, refuseReceipts } = await connected()
    refuseReceipts(1)
    await carrier.prepare(message('Hi')).send(1, NOW)
    await receipts.until(() => receipts.all.length > 0)
    expect(receipts.all).toMatchObject([{ state: 'DELIVERED' }])
  })

  it('gives what is no receipt as a message of a handset', async () => {
    const { smsc, receipts, inbound } = await connected()
    expect(await smsc.sendMo({ from: '447700900123', to: '12345', text: 'STOP' })).toBe(true)
    expect(receipts.all).toEqual([])
    expect(inbound.all).toMatchObject([
      { carrier: 'alpha', to: '12345', dataCoding: 0, octets: Buffer.from('STOP') },
    ])
  })

  it('reads the alphabet of the carrier, and gives septets', async () => {
    const { smsc, inbound } = await connected({}, { defaultAlphabet: 'latin1' })
    await smsc.sendMo({ from: '447700900123', to: '12345', text: '@' })
    expect(inbound.all).toMatchObject([{ octets: Buffer.from([0]) }])
  })

  it('gets a message again that could not be stored', async () => {
    const { smsc, inbound, refuseReceipts } = await connected()
    refuseReceipts(1)
    expect(await smsc.sendMo({ from: '447700900123', to: '12345', text: 'STOP' })).toBe(true)
    expect(inbound.all).toHaveLength(1)
  })

  it('sends over the transmitter of a pair and hears over the receiver', async () => {
    const { carrier, receipts } = await connected({}, { bind: 'pair', sessions: 2, window: 5 })
    expect(carrier.binds.map(({ bind }) => bind)).toEqual([
      'transmitter-1',
      'receiver-1',
      'transmitter-2',
      'receiver-2',
    ])
    expect(carrier.capacity).toBe(10)
    expect((await carrier.prepare(message('Hi')).send(1, NOW)).kind).toBe('accepted')
    await receipts.until(() => receipts.all.length > 0)
  })

  it('says so when its binds go', async () => {
    const { carrier, smsc, changes } = await connected({}, { sessions: 2 })
    await smsc.close()
    await changes.until(() => !carrier.isUp)
    expect(carrier.capacity).toBe(0)
    expect(new Set(changes.all)).toEqual(new Set(['alpha']))
  })
})
