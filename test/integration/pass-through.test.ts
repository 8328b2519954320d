import type smpp from 'smpp'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { PartnerClient } from '../support/partner-client.ts'
import { SmppPeer, type Submit } from '../support/smpp-peer.ts'

/** What a partner says beside the text, as two carriers get it that are equal in everything. */

const cleanUps: (() => Promise<unknown>)[] = []
const peers: SmppPeer[] = []
let gateway: TestGateway
let client: PartnerClient

beforeAll(async () => {
  for (let index = 0; index < 2; index++) {
    const peer = await SmppPeer.listen()
    peers.push(peer)
    cleanUps.push(() => peer.close())
  }
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const yaml = yamlFor(
    ...peers.map(({ port }, index) => ({
      name: `carrier${index}`,
      port,
      keys: { sessions: 3, ...(index === 1 ? { long_messages: 'sar' } : {}) },
    })),
  )
  gateway = await openGateway(yaml, { folder: folder.path })
  cleanUps.push(gateway.close)
  client = await PartnerClient.bound(gateway.smppPort)
  cleanUps.push(() => client.close())
})

afterEach(() => {
  for (const peer of peers) peer.onSubmit = ({ number }) => ({ id: `m${number}` })
})

afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

let lastNumber = 447_700_900_000

function recipient(): string {
  lastNumber++
  return String(lastNumber)
}

function submitsTo(to: string): Submit[] {
  return peers.flatMap((peer) => peer.submits.filter((submit) => submit.to === to))
}

/** Resolves when the messages of these responses have their end. */
async function settled(responses: readonly smpp.PDU[]): Promise<void> {
  for (const { message_id: id } of responses) await gateway.api.settled(String(id))
}

describe('the segments of a long message that a partner has split', () => {
  test.each([1, 2, 3])(
    'go to one carrier over one bind, in their order (%i)',
    async (reference) => {
      const to = recipient()
      const total = 6
      const responses = await Promise.all(
        Array.from({ length: total }, (_, index) =>
          client.submit(to, {
            esm_class: 0x43,
            short_message: Buffer.from([5, 0, 3, reference, total, index + 1, 0x61 + index]),
          }),
        ),
      )
      expect(responses.map(({ command_status }) => command_status)).toEqual(Array(total).fill(0))
      await settled(responses)
      const submits = submitsTo(to)
      expect(new Set(submits.map(({ session }) => session)).size).toBe(1)
      expect(submits.map(({ esmClass }) => esmClass)).toEqual(Array(total).fill(0x43))
      expect(submits.map(({ shortMessage }) => shortMessage[5])).toEqual([1, 2, 3, 4, 5, 6])
      const { api } = gateway
      const prices = await Promise.all(
        responses.map(async ({ message_id: id }) => (await api.message(String(id))).segments),
      )
      expect(prices).toEqual(Array(total).fill(1))
    },
  )

  test('follow the first one when another carrier has become the better choice', async () => {
    const to = recipient()
    const segment = (sequence: number) =>
      client.submit(to, {
        esm_class: 0x40,
        short_message: Buffer.from([5, 0, 3, 77, 3, sequence, 0x61]),
      })
    const first = await segment(1)
    await settled([first])
    const home = peers.find(({ submits }) => submits.some((submit) => submit.to === to))
    if (!home) throw new Error('nobody has it')
    // That carrier now delivers next to nothing.
    home.onSubmit = ({ number }) => ({ id: `m${number}`, receipt: 'UNDELIV' })
    await settled(await Promise.all(Array.from({ length: 20 }, () => client.submit(recipient()))))
    const elsewhere = recipient()
    await settled([await client.submit(elsewhere)])
    expect(home.submits.some((submit) => submit.to === elsewhere)).toBe(false)
    await settled([await segment(2), await segment(3)])
    expect(home.submits.filter((submit) => submit.to === to)).toHaveLength(3)
  })

  test('with SAR parameters leave in the way of their carrier', async () => {
    const to = recipient()
    const responses = await Promise.all(
      [1, 2].map((sequence) =>
        client.submit(to, {
          short_message: Buffer.from('half '),
          sar_msg_ref_num: 0x1234,
          sar_total_segments: 2,
          sar_segment_seqnum: sequence,
        }),
      ),
    )
    await settled(responses)
    for (const [index, submit] of submitsTo(to).entries()) {
      const usesSar = submit.session === peers[1]?.submits.find((each) => each.to === to)?.session
      if (usesSar) {
        expect(submit).toMatchObject({ esmClass: 0, shortMessage: Buffer.from('half ') })
        expect(submit.tlvs.get(0x020c)).toEqual(Buffer.from([0x12, 0x34]))
        expect(submit.tlvs.get(0x020f)).toEqual(Buffer.from([index + 1]))
      } else {
        expect(submit.esmClass).toBe(0x40)
        expect(submit.shortMessage.toString('latin1')).toBe(
          `\x05\x00\x03\x34\x02${String.fromCharCode(index + 1)}half `,
        )
      }
    }
  })
})

test('what a partner says beside the text reaches the carrier', async () => {
  const to = recipient()
  const response = await client.submit(to, {
    service_type: 'CMT',
    esm_class: 0x03,
    protocol_id: 0x7f,
    priority_flag: 2,
    registered_delivery: 0x11,
    data_coding: 3,
    short_message: Buffer.from('caf\xe9', 'latin1'),
    dest_port: 9_200,
    user_message_reference: 0x0102,
  })
  await settled([response])
  const [submit] = submitsTo(to)
  expect(submit?.pdu).toMatchObject({
    service_type: 'CMT',
    esm_class: 0x03,
    protocol_id: 0x7f,
    priority_flag: 2,
    registered_delivery: 0x11,
    data_coding: 3,
  })
  expect(submit?.shortMessage).toEqual(Buffer.from('caf\xe9', 'latin1'))
  expect(submit?.tlvs.get(0x020b)).toEqual(Buffer.from([0x23, 0xf0]))
  expect(submit?.tlvs.get(0x0204)).toEqual(Buffer.from([1, 2]))
})

test('a priority that does not exist is refused', async () => {
  expect(await client.submit(recipient(), { priority_flag: 4 })).toMatchObject({
    command_status: 0x06,
  })
})

test('a flash text of two segments is flash in both', async () => {
  const to = recipient()
  const payload = Buffer.alloc(200, 'x')
  const response = await client.submit(to, {
    data_coding: 0x10,
    short_message: Buffer.alloc(0),
    message_payload: { message: payload },
  })
  await settled([response])
  expect(submitsTo(to).map(({ dataCoding }) => dataCoding)).toEqual([0x10, 0x10])
})
