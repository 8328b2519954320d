import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { SmppPeer, type Submit } from '../support/smpp-peer.ts'
import { textOfJoined, textOnAir } from '../support/submit-octets.ts'
import { openSink, type Sink } from '../webhooks/sink.ts'
import { skipBecauseMissing } from './implementations.ts'
import { isKannelInstalled, Kannel } from './kannel.ts'
import { gsm7, longMessage, textWithCutEmoji, ucs2, WAYS } from './long-messages.ts'

/**
 * Kannel 1.4.5 as a partner: it binds to our listener, its applications speak HTTP with it, and a
 * carrier stands behind the gateway.
 */

const SHORT_CODE = '60123'
/** Bits of Kannel's dlr-mask: delivered, failed, on the way, taken by the SMSC, refused by it. */
const DELIVERED = 1
const FAILED = 2
const BUFFERED = 4
const TAKEN = 8
const REFUSED = 16

const isInstalled = isKannelInstalled()
if (!isInstalled) skipBecauseMissing('Kannel', 'kannel kannel-extras')

const cleanUps: (() => Promise<unknown>)[] = []
let carrier: SmppPeer
let sink: Sink
let gateway: TestGateway
let kannel: Kannel
let folder: string
let partnerPort: number

function yaml(): string {
  const file = JSON.parse(yamlFor({ name: 'alpha', port: carrier.port }))
  return JSON.stringify({
    ...file,
    inbound: { routes: [{ to: SHORT_CODE, tenant: 'demo', partner: 'partner1' }] },
  })
}

async function startKannel(): Promise<void> {
  const place = await temporaryFolder()
  cleanUps.push(place.remove)
  kannel = await Kannel.start({
    folder: place.path,
    smscPort: partnerPort,
    getUrl: `${sink.url}/mo`,
  })
}

beforeAll(async () => {
  if (!isInstalled) return
  carrier = await SmppPeer.listen()
  cleanUps.push(() => carrier.close())
  sink = await openSink()
  sink.answer = (response) => response.writeHead(200).end()
  cleanUps.push(() => sink.close())
  const place = await temporaryFolder()
  cleanUps.push(place.remove)
  folder = place.path
  gateway = await openGateway(yaml(), { folder })
  partnerPort = gateway.smppPort
  cleanUps.push(() => gateway.close())
  await startKannel()
  cleanUps.push(() => kannel.stop())
})

afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

let lastNumber = 447_700_900_000

function recipient(): string {
  lastNumber += 1
  return String(lastNumber)
}

/** Sends by HTTP; gives what the carrier has got, once it is that much. */
async function send(
  to: string,
  query: Readonly<Record<string, string>>,
  count = 1,
): Promise<Submit[]> {
  await kannel.send({ from: 'ACME', to, ...query })
  const submits = () => carrier.submits.filter((submit) => submit.to === to)
  await carrier.until(() => submits().length >= count)
  expect(submits()).toHaveLength(count)
  return submits()
}

/** Octets as a query parameter has them: one character for each. */
function binary(octets: Buffer): string {
  return octets.toString('latin1')
}

function utf8(text: string): Record<string, string> {
  return { text: binary(Buffer.from(text)), charset: 'UTF-8' }
}

/** The parameters of the calls that the sink has got for a path, once there are so many. */
async function calls(path: string, count: number): Promise<URLSearchParams[]> {
  const found = () => sink.received.filter((each) => each.path.startsWith(`${path}?`))
  await vi.waitFor(() => expect(found().length).toBeGreaterThanOrEqual(count), {
    timeout: 10_000,
    interval: 20,
  })
  expect(found()).toHaveLength(count)
  return found().map((each) => new URLSearchParams(octetsAsCharacters(each.path.split('?')[1])))
}

/** A query whose octets are no UTF-8, as one character for each octet. */
function octetsAsCharacters(query = ''): string {
  return query.replace(/%([89a-f].)/gi, (_all, hex) =>
    encodeURIComponent(String.fromCharCode(Number.parseInt(hex, 16))),
  )
}

/** What stands in a parameter, its characters being octets in this encoding. */
function textIn(parameter: string | null | undefined, encoding: 'utf8' | 'utf16be'): string {
  const octets = Buffer.from(parameter ?? '', 'latin1')
  return encoding === 'utf8' ? octets.toString() : octets.swap16().toString('utf16le')
}

function dlrUrl(path: string, mask: number): Record<string, string> {
  return {
    'dlr-mask': String(mask),
    'dlr-url': `${sink.url}${path}?type=%d&id=%F&text=%A`,
  }
}

describe.skipIf(!isInstalled)('Kannel as a partner', () => {
  test('sends a short text', async () => {
    const text = 'Grüße: {5 €} @£'
    const [submit] = await send(recipient(), utf8(text))
    expect(submit?.from).toBe('ACME')
    expect(textOnAir([submit as Submit], 'gsm7')).toBe(text)
    // What Kannel says of the mode goes on.
    expect(submit?.esmClass).toBe(0x03)
  })

  test('sends a long text, split by itself', async () => {
    const text = 'Grüße & {50 €} für Åsa: 0123456789. '.repeat(9)
    const submits = await send(recipient(), utf8(text), 3)
    expect(submits.map(({ esmClass }) => esmClass)).toEqual([0x43, 0x43, 0x43])
    expect(textOnAir(submits, 'gsm7')).toBe(text)
  })

  test('sends UCS-2, short and long', async () => {
    const short = '您的验证码 ğış'
    const [submit] = await send(recipient(), { ...utf8(short), coding: '2' })
    expect(submit?.dataCoding).toBe(8)
    expect(textOnAir([submit as Submit], 'gsm7')).toBe(short)
    const long = textWithCutEmoji('udh8')
    const submits = await send(recipient(), { ...utf8(long), coding: '2' }, 2)
    expect(submits.map(({ dataCoding }) => dataCoding)).toEqual([8, 8])
    expect(textOfJoined(submits, 'gsm7')).toBe(long)
  })

  test('sends octets with a header, and flash', async () => {
    const udh = Buffer.from('0605040b8423f0', 'hex')
    const text = Buffer.from('00ff80', 'hex')
    const query = { udh: binary(udh), text: binary(text), coding: '1' }
    const [push] = await send(recipient(), query)
    expect(push).toMatchObject({ esmClass: 0x43, shortMessage: Buffer.concat([udh, text]) })
    expect((push?.dataCoding ?? 0) & 0x04).toBe(0x04)
    const [flash] = await send(recipient(), { ...utf8('flash'), mclass: '0' })
    expect(flash?.dataCoding).toBe(0xf0)
    expect(flash?.shortMessage.toString()).toBe('flash')
  })

  test('gets receipts: taken, on the way, delivered', async () => {
    carrier.onSubmit = ({ number }) => ({ id: `m${number}`, receipt: false })
    const mask = DELIVERED | FAILED | BUFFERED | TAKEN | REFUSED
    const [submit] = await send(recipient(), { ...utf8('hi'), ...dlrUrl('/delivered', mask) })
    expect(submit?.registeredDelivery).toBe(0x11)
    const [taken] = await calls('/delivered', 1)
    expect(taken?.get('type')).toBe(String(TAKEN))
    const told = { from: 'ACME', to: String(submit?.to), id: `m${submit?.number}` }
    carrier.addReceipt({ ...told, stat: 'ENROUTE' })
    const [, buffered] = await calls('/delivered', 2)
    expect(buffered?.get('type')).toBe(String(BUFFERED))
    carrier.addReceipt({ ...told, stat: 'DELIVRD' })
    const [, , delivered] = await calls('/delivered', 3)
    expect(delivered?.get('type')).toBe(String(DELIVERED))
    expect(delivered?.get('text')).toContain('stat:DELIVRD')
    const { status, id } = await gateway.api.settled(String(delivered?.get('id')))
    expect({ status, id }).toEqual({ status: 'delivered', id: delivered?.get('id') })
  })

  test('gets receipts of failures', async () => {
    carrier.onSubmit = ({ number }) => ({ id: `m${number}`, receipt: 'UNDELIV' })
    await send(recipient(), { ...utf8('hi'), ...dlrUrl('/failed', DELIVERED | FAILED) })
    const [failed] = await calls('/failed', 1)
    expect(failed?.get('type')).toBe(String(FAILED))
    expect(failed?.get('text')).toContain('stat:UNDELIV')
  })

  test('asks for the receipt of the first part of a long text, and gets that alone', async () => {
    carrier.onSubmit = ({ number }) => ({ id: `m${number}` })
    const before = await kannel.receiptCount()
    const long = utf8('0123456789'.repeat(40))
    const query = { ...long, ...dlrUrl('/long', DELIVERED | FAILED | BUFFERED) }
    const submits = await send(recipient(), query, 3)
    expect(submits.map(({ registeredDelivery }) => registeredDelivery)).toEqual([0x11, 1, 1])
    const [delivered] = await calls('/long', 1)
    expect(delivered?.get('type')).toBe(String(DELIVERED))
    // Receipts come in turn: one for the other parts would have come before this one.
    await send(recipient(), { ...utf8('hi'), ...dlrUrl('/after', DELIVERED) })
    await calls('/after', 1)
    expect(await kannel.receiptCount()).toBe(before + 2)
  })

  test('learns that a submit was refused', async () => {
    await kannel.send({ from: 'ACME', to: '12', ...utf8('hi'), ...dlrUrl('/refused', REFUSED) })
    const [refused] = await calls('/refused', 1)
    expect(refused?.get('type')).toBe(String(REFUSED))
  })

  test('gets messages of handsets', async () => {
    const from = recipient()
    const addresses = {
      source_addr_ton: 1,
      source_addr_npi: 1,
      source_addr: from,
      destination_addr: SHORT_CODE,
    }
    const { octets } = gsm7('STOP {€}')
    expect(await carrier.send({ ...addresses, short_message: octets })).toBe(0)
    const [mo] = await calls('/mo', 1)
    expect(textIn(mo?.get('text'), 'utf8')).toBe('STOP {€}')
    expect(Object.fromEntries(mo ?? [])).toMatchObject({
      from: `+${from}`,
      to: SHORT_CODE,
      coding: '0',
      udh: '',
    })
  })

  test.each(WAYS)('gets long messages of handsets that came in the way %s', async (way) => {
    const text = textWithCutEmoji(way)
    const from = recipient()
    const before = sink.received.filter(({ path }) => path.startsWith('/mo?')).length
    for (const part of longMessage('deliver_sm', way, ucs2(text), 0x31)) {
      const { short_message, ...fields } = part.fields as Record<string, string>
      const tlvs = Object.entries(part.tlvs ?? {}).map(([name, hex]) => [
        name,
        name === 'message_payload' ? Buffer.from(hex, 'hex') : Number.parseInt(hex, 16),
      ])
      const status = await carrier.send({
        source_addr_ton: 1,
        source_addr_npi: 1,
        source_addr: from,
        destination_addr: SHORT_CODE,
        short_message: Buffer.from(short_message ?? '', 'hex'),
        ...fields,
        ...Object.fromEntries(tlvs),
      })
      expect(status).toBe(0)
    }
    const mo = (await calls('/mo', before + 1)).at(-1)
    expect(mo?.get('from')).toBe(`+${from}`)
    expect(mo?.get('coding')).toBe('2')
    expect(textIn(mo?.get('text'), 'utf16be')).toBe(text)
  })

  test('comes back after a restart of the gateway, and gets what was told meanwhile', async () => {
    carrier.onSubmit = ({ number }) => ({ id: `m${number}`, receipt: false })
    const [submit] = await send(recipient(), { ...utf8('hi'), ...dlrUrl('/again', DELIVERED) })
    await gateway.close()
    const env = { LINEHAUL_SMPP_PORT: String(partnerPort) }
    gateway = await openGateway(yaml(), { folder, env })
    carrier.addReceipt({
      from: 'ACME',
      to: String(submit?.to),
      id: `m${submit?.number}`,
      stat: 'DELIVRD',
    })
    await kannel.online()
    const [delivered] = await calls('/again', 1)
    expect(delivered?.get('type')).toBe(String(DELIVERED))
    await send(recipient(), utf8('back again'))
  })

  test('unbinds when it is stopped, and binds when it is started', async () => {
    const sessions = async () => {
      const { body } = await gateway.api.get('/v1/partners')
      return body.data[0].sessions.length
    }
    expect(await sessions()).toBe(1)
    await kannel.stop()
    expect(await kannel.log()).toContain('unbind_resp')
    await vi.waitFor(async () => expect(await sessions()).toBe(0))
    await startKannel()
    await send(recipient(), utf8('and again'))
  })
})
