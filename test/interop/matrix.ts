import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { readSubmit, textOfJoined, textOnAir } from '../support/submit-octets.ts'
import type { Implementation } from './implementations.ts'
import { gsm7, longMessage, textWithCutEmoji, ucs2, WAYS, type Way } from './long-messages.ts'
import { type PeerPdu, PeerProcess, type PeerRequest } from './peer-process.ts'

/** A carrier and a range of numbers for each way in which long texts leave. */
const PREFIXES: Readonly<Record<Way, string>> = {
  udh8: '4477009',
  udh16: '49151234',
  sar: '336123',
  payload: '3934712',
}
const SHORT_CODE = '60123'
const ALPHANUMERIC = { source_addr_ton: 5, source_addr: 'ACME' }
const LONG_TEXT = 'Grüße & {50 €} für Åsa: 0123456789. '.repeat(9)
const ROK = 0
const RINVPASWD = 0x0e
const RINVSRCADR = 0x0a
const ENROUTE = 1
const IN_AN_HOUR = '000000010000000R'
const RECEIPTED_MESSAGE_ID = 0x001e
const MESSAGE_STATE = 0x0427

/**
 * The cases of the interoperability matrix: this implementation as partner, in one process, and as
 * carrier, in another; the gateway between them. Texts are compared as the octets that arrive say.
 */
export function describeMatrix(implementation: Implementation): void {
  const cleanUps: (() => Promise<unknown>)[] = []
  let smsc: PeerProcess
  let gateway: TestGateway
  let folder: string
  let carrierPort: number
  let partnerPort = 0
  let esme: PeerProcess
  let lastNumber = 0

  function recipient(way: Way = 'udh8'): string {
    lastNumber += 1
    return `${PREFIXES[way]}${String(lastNumber).padStart(5, '0')}`
  }

  function yaml(): string {
    const carriers = WAYS.map((way) => ({
      name: way,
      port: carrierPort,
      prefix: PREFIXES[way].slice(0, 2),
      keys: { system_id: way, long_messages: way, sessions: 1, enquire_link_seconds: 2 },
    }))
    const file = JSON.parse(yamlFor(...carriers))
    Object.assign(file.partners[0], { enquire_link_seconds: 2 })
    return JSON.stringify({
      ...file,
      policies: { marketing: { uncertain: 'query', uncertain_seconds: 1, quiet_hours: 'off' } },
      inbound: { routes: [{ to: SHORT_CODE, tenant: 'demo', partner: 'partner1' }] },
    })
  }

  beforeAll(async () => {
    smsc = new PeerProcess(implementation, 'smsc')
    cleanUps.push(() => smsc.close())
    carrierPort = await smsc.listen()
    esme = new PeerProcess(implementation, 'esme')
    cleanUps.push(() => esme.close())
    const place = await temporaryFolder()
    folder = place.path
    cleanUps.push(place.remove)
    gateway = await openGateway(yaml(), { folder })
    partnerPort = gateway.smppPort
    cleanUps.push(() => gateway.close())
    await smsc.until(() => WAYS.every((way) => smsc.bounds(way) === 1))
  })

  afterEach(async () => {
    await esme.drop()
    esme.forget()
  })

  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  function bind(how = 'bind_transceiver', password = 'pw1') {
    return esme.bind({ port: partnerPort, system_id: 'partner1', password, how })
  }

  async function bound(how?: string): Promise<void> {
    expect(await bind(how)).toMatchObject({ command_status: ROK })
  }

  /** Sends it on to one recipient; gives the ids. */
  async function submit(to: string, ...requests: readonly PeerRequest[]) {
    const ids: string[] = []
    for (const request of requests) {
      const fields = {
        ...ALPHANUMERIC,
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr: to,
        registered_delivery: 1,
        ...request.fields,
      }
      const response = await esme.request({ ...request, fields })
      expect(response).toMatchObject({ command: `${request.command}_resp`, command_status: ROK })
      ids.push(String(response.fields.message_id))
    }
    return ids
  }

  function short(fields: PeerRequest['fields'] = {}): PeerRequest {
    return { command: 'submit_sm', fields: { short_message: hexOf('hello'), ...fields } }
  }

  /** What the carrier has got for a number, once it is that much. */
  async function atCarrier(to: string, count = 1): Promise<PeerPdu[]> {
    const pdus = () => smsc.all('submit_sm').filter(({ fields }) => fields.destination_addr === to)
    await smsc.until(() => pdus().length >= count)
    expect(pdus()).toHaveLength(count)
    return pdus()
  }

  /** Tells the gateway about a message that the carrier has got. */
  async function sendReceipt(submitted: PeerPdu, stat: string, fields: PeerRequest['fields'] = {}) {
    const id = `m${smsc.all('submit_sm').indexOf(submitted) + 1}`
    const text =
      `id:${id} sub:001 dlvrd:001 submit date:2601010000 done date:2601010001 ` +
      `stat:${stat} err:005 text:`
    const response = await smsc.request(
      {
        command: 'deliver_sm',
        fields: {
          esm_class: 0x04,
          source_addr: submitted.fields.destination_addr,
          destination_addr: submitted.fields.source_addr,
          short_message: hexOf(text),
          ...fields,
        },
      },
      submitted.session,
    )
    expect(response).toMatchObject({ command: 'deliver_sm_resp', command_status: ROK })
  }

  /** The deliver_sm that have come from these numbers, once they are that many. */
  async function delivered(from: string | readonly string[], count: number) {
    const pdus = () =>
      esme.all('deliver_sm').filter(({ fields }) => from.includes(String(fields.source_addr)))
    await esme.until(() => pdus().length >= count)
    expect(pdus()).toHaveLength(count)
    return pdus()
  }

  /** Lets the carrier send messages of one handset. */
  async function sendMo(from: string, ...requests: readonly PeerRequest[]): Promise<void> {
    for (const request of requests) {
      const fields = {
        source_addr_ton: 1,
        source_addr_npi: 1,
        source_addr: from,
        destination_addr: SHORT_CODE,
        ...request.fields,
      }
      const response = await smsc.request({ ...request, fields }, 'udh8')
      expect(response).toMatchObject({ command: `${request.command}_resp`, command_status: ROK })
    }
  }

  /** What the API has of a handset's message. */
  async function inboundText(from: string): Promise<string> {
    const { body } = await gateway.api.get('/v1/inbound-messages')
    const found = (body.inbound_messages as { from: string; text: string }[]).filter(
      (message) => message.from === `+${from}`,
    )
    expect(found).toHaveLength(1)
    return String(found[0]?.text)
  }

  describe('as partner', () => {
    test.each(['transceiver', 'transmitter', 'receiver'])('binds as %s', async (how) => {
      const response = await bind(`bind_${how}`)
      expect(response).toMatchObject({ command: `bind_${how}_resp`, command_status: ROK })
      expect(response.fields.system_id).toBe('linehaul')
    })

    test('with a wrong password is refused', async () => {
      const response = await bind(undefined, 'wrong')
      expect(response.command_status).toBe(RINVPASWD)
    })

    test('sends a short text, whose id the API knows', async () => {
      const to = recipient()
      const text = 'Grüße: {5 €}'
      const { octets } = gsm7(text)
      const message = short({ short_message: octets.toString('hex') })
      await bound()
      const [id = ''] = await submit(to, message)
      expect(textOnAir((await atCarrier(to)).map(octetsOf), 'gsm7')).toBe(text)
      expect(await gateway.api.message(id)).toMatchObject({ id, text, from: 'ACME' })
    })

    test.each(WAYS)('sends long texts in the way %s to carriers of every way', async (way) => {
      await bound()
      for (const [index, carrier] of WAYS.entries()) {
        const to = recipient(carrier)
        const parts = longMessage('submit_sm', way, gsm7(LONG_TEXT), 0x2100 + index)
        expect(parts.length).toBe(way === 'payload' ? 1 : 3)
        await submit(to, ...parts)
        const arriving = carrier === 'payload' && way === 'payload' ? 1 : 3
        const pdus = await atCarrier(to, arriving)
        expect(textOnAir(pdus.map(octetsOf), 'gsm7')).toBe(LONG_TEXT)
      }
    })

    test.each(WAYS)('sends UCS-2 with an emoji across two parts in the way %s', async (way) => {
      await bound()
      for (const carrier of WAYS) {
        const to = recipient(carrier)
        const text = textWithCutEmoji(way)
        await submit(to, ...longMessage('submit_sm', way, ucs2(text), 0x3141))
        const pdus = await atCarrier(to, carrier === 'payload' && way === 'payload' ? 1 : 2)
        expect(pdus.map(({ fields }) => fields.data_coding)).toEqual(pdus.map(() => 8))
        // Parts go on as they came; what we split ourselves is whole in each part.
        if (way === 'payload') expect(textOnAir(pdus.map(octetsOf), 'gsm7')).toBe(text)
        else expect(textOfJoined(pdus.map(octetsOf), 'gsm7')).toBe(text)
      }
    })

    test('sends octets with a header of its own, and flash', async () => {
      await bound()
      const to = recipient()
      const octets = Buffer.from('0605040b8423f000ff80', 'hex').toString('hex')
      await submit(to, short({ esm_class: 0x40, data_coding: 4, short_message: octets }))
      const [binary] = await atCarrier(to)
      expect(binary?.fields).toMatchObject({ esm_class: 0x40, data_coding: 4 })
      expect(octetsOf(binary).shortMessage.toString('hex')).toBe(octets)
      for (const data_coding of [0x10, 0x18, 0xf0]) {
        const flashTo = recipient()
        const encoded = data_coding === 0x18 ? ucs2('вспышка') : gsm7('flash')
        const short_message = encoded.octets.toString('hex')
        await submit(flashTo, short({ data_coding, short_message }))
        const [flash] = await atCarrier(flashTo)
        expect(flash?.fields).toMatchObject({ data_coding })
        expect(octetsOf(flash).shortMessage).toEqual(encoded.octets)
      }
    })

    test.each([
      ['DELIVRD', 'delivered', 2],
      ['UNDELIV', 'undelivered', 5],
      ['EXPIRED', 'expired', 3],
    ])('gets a receipt for %s', async (stat, status, state) => {
      await bound()
      const to = recipient()
      const [id = ''] = await submit(to, short())
      const [submitted] = await atCarrier(to)
      await sendReceipt(submitted as PeerPdu, stat)
      const [receipt] = await delivered(to, 1)
      expect(receipt?.fields).toMatchObject({
        esm_class: 0x04,
        source_addr: to,
        destination_addr: 'ACME',
      })
      const { shortMessage, tlvs } = octetsOf(receipt)
      expect(shortMessage.toString('latin1')).toMatch(
        new RegExp(`^id:${id} sub:001 dlvrd:00[01] submit date:\\d{10} done date:\\d{10} stat:`),
      )
      expect(tlvs.get(RECEIPTED_MESSAGE_ID)?.toString('latin1')).toBe(`${id}\0`)
      expect(await gateway.api.settled(id)).toMatchObject({ status })
      expect(tlvs.get(MESSAGE_STATE)).toEqual(Buffer.from([state]))
    })

    test('hears what happens on the way, then the end', async () => {
      await bound()
      const to = recipient()
      await submit(to, short({ registered_delivery: 0x11 }))
      const [submitted] = await atCarrier(to)
      await sendReceipt(submitted as PeerPdu, 'ENROUTE', { esm_class: 0x20 })
      await delivered(to, 1)
      await sendReceipt(submitted as PeerPdu, 'DELIVRD')
      const receipts = await delivered(to, 2)
      expect(receipts.map(({ fields }) => fields.esm_class)).toEqual([0x20, 0x04])
    })

    test('asks with query_sm, replace_sm and cancel_sm', async () => {
      await bound()
      const to = recipient()
      const [message_id = ''] = await submit(to, short({ schedule_delivery_time: IN_AN_HOUR }))
      const fields = { message_id, ...ALPHANUMERIC }
      const query = () => esme.request({ command: 'query_sm', fields })
      expect((await query()).fields).toMatchObject({ message_id, message_state: ENROUTE })
      const other = { ...fields, registered_delivery: 1, short_message: hexOf('another') }
      expect(await esme.request({ command: 'replace_sm', fields: other })).toMatchObject({
        command: 'replace_sm_resp',
        command_status: ROK,
      })
      expect(await gateway.api.message(message_id)).toMatchObject({ text: 'another' })
      const foreign = { ...fields, source_addr: 'OTHER' }
      expect(await esme.request({ command: 'query_sm', fields: foreign })).toMatchObject({
        command_status: RINVSRCADR,
      })
      const addresses = { dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: to }
      const canceled = await esme.request({
        command: 'cancel_sm',
        fields: { ...fields, ...addresses },
      })
      expect(canceled).toMatchObject({ command: 'cancel_sm_resp', command_status: ROK })
      expect((await query()).fields).toMatchObject({ message_id, message_state: 4 })
    })

    test('sends to several with submit_multi, and with data_sm', async () => {
      await bound()
      const to = [recipient(), '12', recipient('sar')]
      const multi = await esme.request({
        command: 'submit_multi',
        fields: { ...ALPHANUMERIC, destination_addr: to, short_message: hexOf('hello all') },
      })
      expect(multi).toMatchObject({ command: 'submit_multi_resp', command_status: ROK })
      const refused = multi.octets.subarray(multi.octets.indexOf(0, 16) + 1)
      expect(refused.toString('latin1')).toBe('\x01\x01\x0112\0\0\0\0\x0b')
      await atCarrier(String(to[0]))
      await atCarrier(String(to[2]))
      const dataTo = recipient()
      await submit(dataTo, {
        command: 'data_sm',
        fields: { esm_class: 0, data_coding: 0 },
        tlvs: { message_payload: hexOf('by data') },
      })
      expect(textOnAir((await atCarrier(dataTo)).map(octetsOf), 'gsm7')).toBe('by data')
    })

    test('enquire_link is answered on both sides', async () => {
      await bound()
      const answer = await esme.request({ command: 'enquire_link' })
      expect(answer).toMatchObject({ command: 'enquire_link_resp', command_status: ROK })
      // Ours, after two seconds of silence; the session outlives its answer.
      await esme.until(() => esme.all('enquire_link').length === 1)
      await submit(recipient(), short())
    })

    test('unbinds, comes back, and gets what was told meanwhile', async () => {
      await bound()
      const to = recipient()
      const [id = ''] = await submit(to, short())
      expect(await esme.request({ command: 'unbind' })).toMatchObject({
        command: 'unbind_resp',
        command_status: ROK,
      })
      await esme.until(() => esme.connections.some(({ kind }) => kind === 'closed'))
      const [submitted] = await atCarrier(to)
      await sendReceipt(submitted as PeerPdu, 'DELIVRD')
      await gateway.api.settled(id)
      expect(esme.all('deliver_sm')).toEqual([])
      await bind()
      const [receipt] = await delivered(to, 1)
      expect(octetsOf(receipt).shortMessage.toString('latin1')).toContain(id)
    })

    test('loses its connection, comes back, and gets what was told meanwhile', async () => {
      await bound()
      const to = recipient()
      await submit(to, short())
      await esme.drop()
      const [submitted] = await atCarrier(to)
      await sendReceipt(submitted as PeerPdu, 'DELIVRD')
      await bind()
      await delivered(to, 1)
    })
  })

  describe('as carrier', () => {
    test.each(WAYS)('gets long texts in the way %s', async (way) => {
      for (const [text, dataCoding] of [
        [LONG_TEXT, 0],
        [textWithCutEmoji(way), 8],
      ] as const) {
        const to = recipient(way)
        await gateway.api.send({ to: `+${to}`, text })
        const count = way === 'payload' ? 1 : dataCoding === 0 ? 3 : 2
        const pdus = await atCarrier(to, count)
        expect(textOnAir(pdus.map(octetsOf), 'gsm7')).toBe(text)
        expect(pdus.map(({ session, fields }) => [session, fields.data_coding])).toEqual(
          pdus.map(() => [way, dataCoding]),
        )
      }
    })

    test.each(WAYS)('sends long messages of handsets in the way %s', async (way) => {
      await bound('bind_receiver')
      for (const [index, encoded] of [gsm7(LONG_TEXT), ucs2(textWithCutEmoji(way))].entries()) {
        const from = recipient()
        const text = index === 0 ? LONG_TEXT : textWithCutEmoji(way)
        const parts = longMessage('deliver_sm', way, encoded, 0x1234 + index)
        await sendMo(from, ...parts)
        expect(await inboundText(from)).toBe(text)
        const pdus = await delivered(from, parts.length)
        expect(textOfJoined(pdus.map(octetsOf), 'gsm7')).toBe(text)
        expect(pdus.map(({ fields }) => fields.source_addr)).toEqual(parts.map(() => from))
      }
    })

    test('sends messages of handsets: short, octets with a header, by data', async () => {
      await bound()
      const [from, other, third] = [recipient(), recipient(), recipient()]
      const { octets } = gsm7('STOP {€}')
      const mo = { command: 'deliver_sm', fields: { short_message: octets.toString('hex') } }
      await sendMo(from, mo)
      expect(await inboundText(from)).toBe('STOP {€}')
      const binary = '0605040b8423f000ff80'
      const fields = { esm_class: 0x40, data_coding: 4, short_message: binary }
      await sendMo(other, { command: 'deliver_sm', fields })
      const tlvs = { message_payload: hexOf('by data') }
      await sendMo(third, { command: 'data_sm', fields: { data_coding: 0, esm_class: 0 }, tlvs })
      expect(await inboundText(third)).toBe('by data')
      const pdus = await delivered([from, other, third], 3)
      expect(pdus.map((pdu) => octetsOf(pdu).shortMessage.toString('hex'))).toEqual([
        octets.toString('hex'),
        binary,
        hexOf('by data'),
      ])
      expect(pdus[1]?.fields).toMatchObject({ esm_class: 0x40, data_coding: 4 })
    })

    test('is asked with query_sm and cancel_sm', async () => {
      const to = recipient()
      const id = await gateway.api.send({ to: `+${to}`, text: 'hi', traffic_class: 'marketing' })
      expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered' })
      const asked = smsc.all('query_sm').at(-1)
      const [submitted] = await atCarrier(to)
      const number = smsc.all('submit_sm').indexOf(submitted as PeerPdu) + 1
      expect(asked?.fields).toMatchObject({ message_id: `m${number}`, source_addr: 'Linehaul' })
      await bound()
      const otherTo = recipient()
      const [message_id = ''] = await submit(otherTo, short())
      await atCarrier(otherTo)
      await gateway.api.until(message_id, ({ status }) => status === 'sent')
      const response = await esme.request({
        command: 'cancel_sm',
        fields: { message_id, ...ALPHANUMERIC },
      })
      expect(response.command_status).toBe(ROK)
      expect(smsc.all('cancel_sm').at(-1)?.fields).toMatchObject({ destination_addr: otherTo })
    })

    test('enquire_link is answered on both sides', async () => {
      const answer = await smsc.request({ command: 'enquire_link' }, 'udh8')
      expect(answer).toMatchObject({ command: 'enquire_link_resp', command_status: ROK })
      await smsc.until(() => smsc.all('enquire_link').some(({ session }) => session === 'sar'))
    })

    test('unbinds, and later breaks the connection: it is bound again each time', async () => {
      const before = smsc.bounds('udh8')
      const answer = await smsc.request({ command: 'unbind' }, 'udh8')
      expect(answer).toMatchObject({ command: 'unbind_resp', command_status: ROK })
      await smsc.until(() => smsc.bounds('udh8') === before + 1)
      await smsc.drop('udh8')
      await smsc.until(() => smsc.bounds('udh8') === before + 2)
      const to = recipient()
      await bound()
      const [id = ''] = await submit(to, short())
      const [submitted] = await atCarrier(to)
      await sendReceipt(submitted as PeerPdu, 'DELIVRD')
      expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered' })
    })
  })

  test('the gateway goes in order, comes back, and loses nothing', async () => {
    await bound()
    const to = recipient()
    await submit(to, short())
    const [submitted] = await atCarrier(to)
    const from = recipient()
    const binds = WAYS.map((way) => smsc.bounds(way))
    await gateway.close()
    await esme.until(() => esme.connections.some(({ kind }) => kind === 'closed'))
    expect(esme.all('unbind')).toHaveLength(1)
    expect(smsc.all('unbind').map(({ session }) => session)).toEqual(
      expect.arrayContaining([...WAYS]),
    )
    const env = { LINEHAUL_SMPP_PORT: String(partnerPort) }
    gateway = await openGateway(yaml(), { folder, env })
    await smsc.until(() => WAYS.every((way, index) => smsc.bounds(way) > (binds[index] ?? 0)))
    await sendReceipt(submitted as PeerPdu, 'DELIVRD')
    await sendMo(from, { command: 'deliver_sm', fields: { short_message: hexOf('hi') } })
    await vi.waitFor(async () => expect(await bind()).toMatchObject({ command_status: ROK }))
    await delivered(to, 1)
    await delivered(from, 1)
  })
}

function octetsOf(pdu: PeerPdu | undefined) {
  if (!pdu) throw new Error('there is no such PDU')
  return readSubmit(pdu.octets)
}

function hexOf(text: string): string {
  return Buffer.from(text, 'latin1').toString('hex')
}
