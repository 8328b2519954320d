import type smpp from 'smpp'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import {
  contractYaml,
  openGateway,
  type TestGateway,
  temporaryFolder,
  yamlFor,
} from '../support/gateway.ts'
import { SmppPeer, type Submit } from '../support/smpp-peer.ts'
import { textOnAir } from '../support/submit-octets.ts'

/** What leaves the gateway, read by an SMSC and a decoder that share no code with it. */

const HOST_ONLY = '\nhttp: { host: 127.0.0.1 }\nsmpp: { host: 127.0.0.1 }\n'
const EXTENDED = '€[]{}~'

interface Case {
  readonly what: string
  readonly text: string
  readonly encoding: 'gsm7' | 'ucs2'
  /** With an 8-bit reference. */
  readonly segments: number
}

const CASES: readonly Case[] = [
  {
    what: 'plain GSM-7',
    text: 'Hello @£$ èéùìò ÆæßÉ Ω, your code is 123456',
    encoding: 'gsm7',
    segments: 1,
  },
  { what: '160 characters', text: 'x'.repeat(160), encoding: 'gsm7', segments: 1 },
  { what: '161 characters', text: `${'a'.repeat(160)}z`, encoding: 'gsm7', segments: 2 },
  // Septets 148 to 153 of the first segment, then an escape that does not fit any more.
  {
    what: '€[]{}~ at a segment border',
    text: 'b'.repeat(148) + EXTENDED + 'c'.repeat(30),
    encoding: 'gsm7',
    segments: 2,
  },
  { what: 'every border in €[]{}~', text: EXTENDED.repeat(60), encoding: 'gsm7', segments: 5 },
  { what: 'Turkish', text: 'Işık ığdır: şifreniz 4711, güle güle', encoding: 'ucs2', segments: 1 },
  { what: 'Chinese', text: '您的验证码是471100，五分钟内有效。', encoding: 'ucs2', segments: 1 },
  {
    what: 'emoji at a segment border',
    text: `${'你'.repeat(66)}😀${'好'.repeat(20)}`,
    encoding: 'ucs2',
    segments: 2,
  },
  { what: 'nothing but emoji', text: '👩‍🚀😀'.repeat(30), encoding: 'ucs2', segments: 4 },
  {
    what: '10 segments',
    text: `${'0123456789'.repeat(152)}0123456789`,
    encoding: 'gsm7',
    segments: 10,
  },
] as const

const databases = [
  { name: 'PGlite', postgresUrl: null },
  ...(inject('postgresUrl') === null
    ? []
    : [{ name: 'PostgreSQL', postgresUrl: inject('postgresUrl') }]),
]

describe.each(databases)('the configuration of the contract on $name', ({ postgresUrl }) => {
  let peer: SmppPeer
  let gateway: TestGateway
  const cleanUps: (() => Promise<void>)[] = []

  beforeAll(async () => {
    peer = await SmppPeer.listen()
    cleanUps.push(() => peer.close())
    const folder = await temporaryFolder()
    cleanUps.push(folder.remove)
    const database = postgresUrl === null ? undefined : await createTestDatabase(postgresUrl)
    if (database) cleanUps.push(database.drop)
    gateway = await openGateway(contractYaml(peer.port) + HOST_ONLY, {
      folder: folder.path,
      databaseUrl: database?.url ?? null,
    })
    cleanUps.push(gateway.close)
  })

  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  test('keeps two transceiver binds', async () => {
    await peer.until(() => peer.binds.length === 2)
    for (const bind of peer.binds) {
      expect(bind).toMatchObject({
        command: 'bind_transceiver',
        system_id: 'linehaul',
        password: 'secret',
      })
    }
  })

  test.each(CASES)('$what arrives as it was sent', async ({ text, encoding, segments }) => {
    const to = recipient()
    const id = await gateway.api.send({ to, text })
    const message = await gateway.api.settled(id)
    expect(message).toMatchObject({ status: 'delivered', encoding, segments, text, to })
    const submits = submitsTo(peer, to)
    expect(submits).toHaveLength(segments)
    expect(textOnAir(submits, 'gsm7')).toBe(text)
    // The package's own reading of the whole PDU, segment by segment.
    expect(
      inOrder(submits)
        .map(({ pdu }) => textOf(pdu))
        .join(''),
    ).toBe(text)
    expect(message.price.amount).toBe((0.035 * segments).toFixed(4))
    for (const submit of submits) {
      expect(submit.pdu).toMatchObject({
        source_addr: 'Linehaul',
        source_addr_ton: 5,
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        registered_delivery: 1,
        data_coding: encoding === 'ucs2' ? 8 : 0,
        esm_class: segments > 1 ? 0x40 : 0,
      })
      expect(submit.shortMessage.length).toBeLessThanOrEqual(encoding === 'ucs2' ? 140 : 160)
    }
  })

  test('every segment of a long message goes over the same bind', async () => {
    const to = recipient()
    await gateway.api.settled(await gateway.api.send({ to, text: 'long '.repeat(300) }))
    expect(new Set(submitsTo(peer, to).map(({ session }) => session)).size).toBe(1)
  })

  test('a number and a short code as sender id keep their type', async () => {
    const [first, second] = [recipient(), recipient()]
    await gateway.api.settled(
      await gateway.api.send({ to: first, from: '+447700900001', text: 'x' }),
    )
    await gateway.api.settled(await gateway.api.send({ to: second, from: '60123', text: 'x' }))
    expect(submitsTo(peer, first)[0]?.pdu).toMatchObject({
      source_addr: '447700900001',
      source_addr_ton: 1,
      source_addr_npi: 1,
    })
    expect(submitsTo(peer, second)[0]?.pdu.source_addr).toBe('60123')
  })

  test('1,000 recipients in one call all get it, once', async () => {
    const numbers = Array.from({ length: 1_000 }, () => recipient())
    await gateway.api.sendMany(numbers, 'to everybody')
    await gateway.api.untilCount('delivered', (await gateway.api.list()).length)
    const wanted = new Set(numbers.map((number) => number.slice(1)))
    const got = peer.submits.map(({ to }) => to).filter((to) => wanted.has(to))
    expect(got).toHaveLength(1_000)
    expect(new Set(got).size).toBe(1_000)
  })
})

const ALPHABETS = ['gsm7', 'gsm7-packed', 'latin1', 'ascii'] as const
const LONG = ['udh8', 'udh16', 'sar', 'payload'] as const

/** Every alphabet has these; what it lacks goes as UCS-2. */
const TEXTS = [
  'Hello, your code is 123456',
  '161 '.padEnd(161, 'x'),
  'n'.repeat(147) + EXTENDED.repeat(3) + 'm'.repeat(200),
  'è à ñ ü ö Ä: '.repeat(20),
  'ğış '.repeat(50),
  `${'你'.repeat(66)}😀${'好'.repeat(66)}😀`,
  `${'0123456789'.repeat(150)}`,
]

describe('every way with long messages and every default alphabet', () => {
  const peers = new Map<string, SmppPeer>()
  const variants = ALPHABETS.flatMap((alphabet, row) =>
    LONG.map((long, column) => ({ alphabet, long, prefix: `44770090${row}${column}` })),
  )
  let gateway: TestGateway
  const cleanUps: (() => Promise<void>)[] = []

  beforeAll(async () => {
    const folder = await temporaryFolder()
    cleanUps.push(folder.remove)
    const carriers = []
    for (const { alphabet, long, prefix } of variants) {
      const peer = await SmppPeer.listen()
      cleanUps.push(() => peer.close())
      peers.set(`${alphabet} ${long}`, peer)
      carriers.push({
        name: `${alphabet}-${long}`,
        port: peer.port,
        prefix,
        keys: { default_alphabet: alphabet, long_messages: long },
      })
    }
    gateway = await openGateway(yamlFor(...carriers), { folder: folder.path })
    cleanUps.push(gateway.close)
  })

  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  test.each(variants)('$long with $alphabet', async ({ alphabet, long, prefix }) => {
    const peer = peers.get(`${alphabet} ${long}`)
    if (!peer) throw new Error('the carrier is missing')
    const messages = await Promise.all(
      TEXTS.map(async (text, index) => {
        const to = `+${prefix}${String(index).padStart(2, '0')}`
        return gateway.api.settled(await gateway.api.send({ to, text }))
      }),
    )
    expect(messages.map(({ text }) => text)).toEqual(TEXTS)
    for (const { status, to, text, segments } of messages) {
      expect(status).toBe('delivered')
      const submits = submitsTo(peer, to)
      expect(textOnAir(submits, alphabet)).toBe(text)
      expect(submits).toHaveLength(long === 'payload' ? 1 : segments)
      const isLong = segments > 1
      for (const { esmClass, shortMessage, tlvs } of submits) {
        expect(esmClass & 0x40).toBe(isLong && long.startsWith('udh') ? 0x40 : 0)
        expect([...tlvs.keys()]).toEqual(!isLong ? [] : (TLVS[long] ?? []))
        if (isLong && long.startsWith('udh')) {
          expect([...shortMessage.subarray(0, 3)]).toEqual(HEADERS[long])
        }
        expect(shortMessage.length).toBeLessThanOrEqual(alphabet === 'gsm7-packed' ? 140 : 160)
      }
    }
  })
})

const TLVS: Readonly<Record<string, number[]>> = { sar: [0x20c, 0x20e, 0x20f], payload: [0x424] }
const HEADERS: Readonly<Record<string, number[]>> = { udh8: [5, 0, 3], udh16: [6, 8, 4] }

let lastRecipient = 447_700_900_000

/** A number that no other test uses. */
function recipient(): string {
  lastRecipient++
  return `+${lastRecipient}`
}

function submitsTo(peer: SmppPeer, to: string): Submit[] {
  return peer.submits.filter((submit) => `+${submit.to}` === to)
}

/** By the last octet of the concatenation header, where there is one. */
function inOrder(submits: readonly Submit[]): Submit[] {
  return [...submits].sort((one, other) => numberOf(one) - numberOf(other))
}

function numberOf({ esmClass, shortMessage }: Submit): number {
  return esmClass & 0x40 ? (shortMessage[5] ?? 0) : 0
}

function textOf(pdu: smpp.PDU): string {
  return String(pdu.short_message.message)
}
