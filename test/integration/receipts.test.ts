import type smpp from 'smpp'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Config } from '../../src/config/schema.ts'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { PartnerClient } from '../support/partner-client.ts'
import { SmppPeer, type Submit } from '../support/smpp-peer.ts'

/**
 * Receipts as carriers send them: too early, on another bind, in another base, twice, out of order,
 * for some parts only. Each message ends once, in the state that they add up to, and its partner is
 * told once.
 */

const RECEIPT_DEADLINE_SECONDS = 4

const CARRIERS = {
  plain: { prefix: '4477009001', keys: { sessions: 2 } },
  hex: { prefix: '4477009002', keys: { message_id_profile: 'resp-hex' } },
  decimal: { prefix: '4477009003', keys: { message_id_profile: 'resp-dec' } },
} as const

type Name = keyof typeof CARRIERS

const cleanUps: (() => Promise<unknown>)[] = []
const peers = new Map<Name, SmppPeer>()
let gateway: TestGateway
let partner: PartnerClient

beforeAll(async () => {
  const names = Object.keys(CARRIERS) as Name[]
  for (const name of names) {
    const peer = await SmppPeer.listen()
    cleanUps.push(() => peer.close())
    peers.set(name, peer)
  }
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const carriers = names.map((name) => ({ name, port: peerOf(name).port, ...CARRIERS[name] }))
  gateway = await openGateway(yamlFor(...carriers), { folder: folder.path, change: withDeadline })
  cleanUps.push(gateway.close)
  await peerOf('plain').until(() => peerOf('plain').sessionCount === 2)
})

afterEach(async () => {
  await partner.close()
})

afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

/** A file takes no deadline below a minute. */
function withDeadline(config: Config): Config {
  const { transactional } = config.policies
  return {
    ...config,
    policies: {
      ...config.policies,
      transactional: { ...transactional, receiptDeadlineSeconds: RECEIPT_DEADLINE_SECONDS },
    },
  }
}

function peerOf(name: Name): SmppPeer {
  const peer = peers.get(name)
  if (peer === undefined) throw new Error(`there is no carrier ${name}`)
  return peer
}

let sent = 0

/** Submits as the partner and gives our id and what the carrier got. */
async function submit(name: Name, text = 'hello') {
  const peer = peerOf(name)
  const to = `${CARRIERS[name].prefix}${String(++sent).padStart(2, '0')}`
  const segments = text.length > 160 ? Math.ceil(text.length / 153) : 1
  const response = await partner.submit(
    to,
    segments === 1 ? { short_message: text } : { short_message: '', message_payload: text },
  )
  expect(response.command_status).toBe(0)
  const own = () => peer.submits.filter((one) => one.to === to)
  await peer.until(() => own().length === segments)
  return { id: String(response.message_id), submits: own() }
}

interface Sent {
  readonly id: string
  readonly stat: string
  /** The bind to send it on; that of the submit when absent. */
  readonly over?: smpp.Session
}

/** Sends a receipt and waits until the gateway has taken it. */
async function acknowledged(about: Submit, { id, stat, over }: Sent): Promise<void> {
  const status = await new Promise<number>((resolve) => {
    const text =
      `id:${id} sub:001 dlvrd:001 submit date:2601010000 done date:2601010001 ` +
      `stat:${stat} err:000 text:`
    const fields = {
      esm_class: 4,
      source_addr: about.to,
      destination_addr: about.from,
      short_message: Buffer.from(text, 'latin1'),
    }
    const session = over ?? about.session
    session.deliver_sm(fields, ({ command_status }) => resolve(command_status))
  })
  expect(status).toBe(0)
}

/** What the partner was told of a message, up to a message that came last. */
async function tellingsOf(id: string): Promise<string[]> {
  peerOf('plain').onSubmit = ({ number }) => ({ id: `last-${number}` })
  const before = partner.received.length
  const last = await submit('plain')
  const about = (wanted: string) =>
    partner.received.filter((pdu) => String(pdu.receipted_message_id) === wanted)
  for (let count = before + 1; about(last.id).length === 0; count++) await partner.deliveries(count)
  return about(id).map((pdu) => /stat:(\w+)/.exec(textOf(pdu))?.[1] ?? '')
}

function textOf(pdu: smpp.PDU): string {
  const { short_message: text } = pdu
  return typeof text === 'string' ? text : String(text.message)
}

const noReceipt = ({ number }: Submit) => ({ id: `m${number}`, receipt: false }) as const

async function bound(): Promise<void> {
  partner = await PartnerClient.bound(gateway.smppPort)
}

describe('one part', () => {
  test('the receipt comes before the response', async () => {
    await bound()
    peerOf('plain').onSubmit = async (one) => {
      await acknowledged(one, { id: 'early', stat: 'DELIVRD' })
      return { id: 'early', receipt: false }
    }
    const { id } = await submit('plain')
    expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered', attempts: 1 })
    expect(await tellingsOf(id)).toEqual(['DELIVRD'])
  })

  test('the receipt comes on another bind of the account', async () => {
    await bound()
    const peer = peerOf('plain')
    peer.onSubmit = noReceipt
    const messages = await Promise.all(Array.from({ length: 10 }, () => submit('plain')))
    const sessions = [...new Set(peer.submits.map(({ session }) => session))]
    expect(sessions.length).toBe(2)
    for (const { submits } of messages) {
      const [one] = submits
      if (one === undefined) throw new Error('no submit came')
      const over = sessions.find((session) => session !== one.session) ?? one.session
      await acknowledged(one, { id: `m${one.number}`, stat: 'DELIVRD', over })
    }
    for (const { id } of messages) {
      expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered' })
    }
    for (const { id } of messages) expect(await tellingsOf(id)).toEqual(['DELIVRD'])
  })

  test.each([
    { name: 'hex', id: '812FC7470000001B', receiptId: '9308878062554710043' },
    { name: 'hex', id: 'ffffffffffffffff', receiptId: '18446744073709551615' },
    { name: 'hex', id: '0020000000000001', receiptId: '9007199254740993' },
    { name: 'decimal', id: '9308878062554710043', receiptId: '812fc7470000001b' },
    { name: 'decimal', id: '18446744073709551615', receiptId: 'FFFFFFFFFFFFFFFF' },
    { name: 'decimal', id: '9007199254740993', receiptId: '0020000000000001' },
  ] as const)('$name: response $id, receipt $receiptId', async ({ name, id, receiptId }) => {
    await bound()
    const peer = peerOf(name)
    // Its neighbour has the number that is next to it, and the same one as a float of 64 bits.
    const neighbour = name === 'hex' ? nextHex(id) : String(BigInt(id) - 1n)
    const ids = [id, neighbour]
    peer.onSubmit = () => ({ id: ids.shift() ?? '', receipt: false })
    const meant = await submit(name)
    const other = await submit(name)
    const [one] = meant.submits
    if (one === undefined) throw new Error('no submit came')
    await acknowledged(one, { id: receiptId, stat: 'DELIVRD' })
    expect(await gateway.api.settled(meant.id)).toMatchObject({ status: 'delivered' })
    expect(await gateway.api.message(other.id)).toMatchObject({ status: 'sent', is_final: false })
  })

  test('a receipt that comes three times counts once, and its partner is told once', async () => {
    await bound()
    peerOf('plain').onSubmit = noReceipt
    const { id, submits } = await submit('plain')
    for (const one of submits) {
      const receipt = { id: `m${one.number}`, stat: 'DELIVRD' }
      await Promise.all([acknowledged(one, receipt), acknowledged(one, receipt)])
      await gateway.api.settled(id)
      await acknowledged(one, receipt)
    }
    const message = await gateway.api.message(id)
    expect(message).toMatchObject({ status: 'delivered', error: null })
    expect(await tellingsOf(id)).toEqual(['DELIVRD'])
  })

  test('ENROUTE and UNDELIV after DELIVRD undo nothing', async () => {
    await bound()
    peerOf('plain').onSubmit = noReceipt
    const { id, submits } = await submit('plain')
    for (const one of submits) {
      for (const stat of ['ENROUTE', 'ACCEPTD', 'DELIVRD', 'ENROUTE', 'UNDELIV']) {
        await acknowledged(one, { id: `m${one.number}`, stat })
      }
    }
    expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered', error: null })
    expect(await tellingsOf(id)).toEqual(['DELIVRD'])
  })
})

describe('three parts', () => {
  const LONG = 'In three parts. '.repeat(28)

  test('a receipt for the second only: unconfirmed at its deadline, and that stays', async () => {
    await bound()
    peerOf('plain').onSubmit = noReceipt
    const { id, submits } = await submit('plain', LONG)
    const [first, second] = submits
    if (first === undefined || second === undefined) throw new Error('parts are missing')
    await acknowledged(second, { id: `m${second.number}`, stat: 'DELIVRD' })
    expect(await gateway.api.message(id)).toMatchObject({ status: 'sent', segments: 3 })
    const ended = await gateway.api.settled(id)
    expect(ended).toMatchObject({ status: 'unconfirmed', attempts: 1 })
    await acknowledged(first, { id: `m${first.number}`, stat: 'DELIVRD' })
    expect(await gateway.api.message(id)).toMatchObject({ status: 'unconfirmed' })
    expect(await tellingsOf(id)).toEqual(['UNKNOWN'])
  })

  test('the second is lost: undelivered, whatever becomes of the others', async () => {
    await bound()
    peerOf('plain').onSubmit = noReceipt
    const { id, submits } = await submit('plain', LONG)
    const [first, second, third] = submits
    if (!first || !second || !third) throw new Error('parts are missing')
    await acknowledged(second, { id: `m${second.number}`, stat: 'UNDELIV' })
    expect(await gateway.api.settled(id)).toMatchObject({ status: 'undelivered' })
    for (const one of [third, first]) {
      await acknowledged(one, { id: `m${one.number}`, stat: 'DELIVRD' })
    }
    expect(await gateway.api.message(id)).toMatchObject({ status: 'undelivered' })
    expect(await tellingsOf(id)).toEqual(['UNDELIV'])
  })

  test('all are delivered, the last first and before its response', async () => {
    await bound()
    peerOf('plain').onSubmit = async (one) => {
      await acknowledged(one, { id: `m${one.number}`, stat: 'DELIVRD' })
      return { id: `m${one.number}`, receipt: false }
    }
    const { id } = await submit('plain', LONG)
    expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered', segments: 3 })
    expect(await tellingsOf(id)).toEqual(['DELIVRD'])
  })
})

function nextHex(id: string): string {
  return (BigInt(`0x${id}`) - 1n).toString(16).padStart(id.length, '0')
}
