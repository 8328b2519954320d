import { afterAll, beforeAll, expect, test } from 'vitest'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { readSubmit } from '../support/submit-octets.ts'
import { SMPP_PACKAGE } from './implementations.ts'
import { PeerProcess } from './peer-process.ts'

/** A partner that is killed with 10,000 receipts pending, on the package `smpp`. */

const MESSAGES = 5_000
/** One on the way, and the final one. */
const RECEIPTS = 2 * MESSAGES
const AT_ONCE = 200
const FIRST_NUMBER = 447_700_900_000
const WINDOW = 50

const cleanUps: (() => Promise<unknown>)[] = []
let smsc: PeerProcess
let gateway: TestGateway

beforeAll(async () => {
  smsc = new PeerProcess(SMPP_PACKAGE, 'smsc')
  cleanUps.push(() => smsc.close())
  const port = await smsc.listen()
  const place = await temporaryFolder()
  cleanUps.push(place.remove)
  gateway = await openGateway(yamlFor({ name: 'alpha', port }), { folder: place.path })
  cleanUps.push(() => gateway.close())
  await smsc.until(() => smsc.bounds('linehaul') === 1)
})

afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

async function boundPartner(): Promise<PeerProcess> {
  const partner = new PeerProcess(SMPP_PACKAGE, 'esme')
  cleanUps.push(() => partner.close())
  const account = { port: gateway.smppPort, system_id: 'partner1', password: 'pw1' }
  expect(await partner.bind(account)).toMatchObject({ command_status: 0 })
  return partner
}

/** Does it for 0 to count - 1, in this order, so many at once. */
async function forEach(count: number, act: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < count) await act(next++)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

/** Submits to one number after the other; gives the ids. */
async function submitAll(partner: PeerProcess): Promise<string[]> {
  const ids: string[] = []
  await forEach(MESSAGES, async (index) => {
    const response = await partner.request({
      command: 'submit_sm',
      fields: {
        source_addr_ton: 5,
        source_addr: 'ACME',
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr: String(FIRST_NUMBER + index),
        registered_delivery: 0x11,
        short_message: Buffer.from('hello').toString('hex'),
      },
    })
    expect(response.command_status).toBe(0)
    ids[index] = String(response.fields.message_id)
  })
  return ids
}

/** Lets the carrier say of every message that it is on the way, and then of every one that it ended. */
async function tellAll(): Promise<void> {
  const submits = smsc.all('submit_sm').map(({ fields }) => String(fields.destination_addr))
  await forEach(RECEIPTS, async (index) => {
    const isFinal = index >= MESSAGES
    const place = index % MESSAGES
    const text = `id:m${place + 1} stat:${isFinal ? 'DELIVRD' : 'ENROUTE'} err:000 text:`
    const response = await smsc.request(
      {
        command: 'deliver_sm',
        fields: {
          esm_class: isFinal ? 0x04 : 0x20,
          source_addr: submits[place] ?? '',
          destination_addr: 'ACME',
          short_message: Buffer.from(text).toString('hex'),
        },
      },
      'linehaul',
    )
    expect(response.command_status).toBe(0)
  })
}

/** The receipts that a partner has got, oldest first: what they say of which message. */
function receiptsOf(partner: PeerProcess): { id: string; stat: string }[] {
  return partner.all('deliver_sm').map(({ octets }) => {
    const text = readSubmit(octets).shortMessage.toString('latin1')
    const [, id = '', stat = ''] = /^id:(\S+) .* stat:(\w+) /.exec(text) ?? []
    return { id, stat }
  })
}

/** What was said of each message, in its order; what was said twice in a row counts once. */
function saidOfEach(receipts: readonly { id: string; stat: string }[]): Map<string, string[]> {
  const said = new Map<string, string[]>()
  for (const { id, stat } of receipts) {
    const before = said.get(id) ?? []
    if (before.at(-1) !== stat) said.set(id, [...before, stat])
  }
  return said
}

test('all arrive after the next bind, and each message hears of itself in order', {
  timeout: 90_000,
}, async () => {
  const first = await boundPartner()
  const ids = await submitAll(first)
  expect(new Set(ids).size).toBe(MESSAGES)
  await smsc.until(() => smsc.all('submit_sm').length === MESSAGES)
  await first.mute()
  await tellAll()
  await gateway.api.untilCount('delivered', MESSAGES)
  // Its window is full, and it has answered nothing.
  expect(first.connections).toEqual([{ kind: 'bound', session: '' }])
  const held = receiptsOf(first)
  expect(held).toHaveLength(WINDOW)
  await first.close()

  // The next one is killed as well, in the middle.
  const second = await boundPartner()
  await second.until(() => second.pdus.length >= RECEIPTS / 3)
  await second.close()
  const taken = receiptsOf(second)
  const third = await boundPartner()
  const all = () => [...taken, ...receiptsOf(third)]
  const isComplete = () => {
    const said = saidOfEach(all())
    return ids.every((id) => said.get(id)?.at(-1) === 'DELIVRD')
  }
  await third.until(() => taken.length + third.pdus.length >= RECEIPTS && isComplete())
  expect(saidOfEach(all())).toEqual(new Map(ids.map((id) => [id, ['ENROUTE', 'DELIVRD']])))
  // What the second had answered did not come again.
  expect(all().length).toBeLessThanOrEqual(RECEIPTS + WINDOW)
})
