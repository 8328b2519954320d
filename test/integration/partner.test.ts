import smpp from 'smpp'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { PartnerClient } from '../support/partner-client.ts'
import { SmppPeer, type Submit } from '../support/smpp-peer.ts'
import { textOnAir } from '../support/submit-octets.ts'

/** A partner's SMPP client in front of the gateway, an SMSC behind it; neither is ours. */

const cleanUps: (() => Promise<unknown>)[] = []
const clients: PartnerClient[] = []
let peer: SmppPeer
let gateway: TestGateway

beforeAll(async () => {
  peer = await SmppPeer.listen()
  cleanUps.push(() => peer.close())
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  gateway = await openGateway(yamlFor({ name: 'alpha', port: peer.port }), { folder: folder.path })
  cleanUps.push(gateway.close)
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
})

afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

async function bound(how?: Parameters<typeof PartnerClient.bound>[1]): Promise<PartnerClient> {
  const client = await PartnerClient.bound(gateway.smppPort, how)
  clients.push(client)
  return client
}

async function connected(): Promise<PartnerClient> {
  const client = await PartnerClient.connect(gateway.smppPort)
  clients.push(client)
  return client
}

let lastNumber = 447_700_900_000

/** A number of its own for each message, as the PDU has it. */
function recipient(): string {
  lastNumber++
  return String(lastNumber)
}

function submitsTo(to: string): Submit[] {
  return peer.submits.filter((submit) => submit.to === to)
}

/** Submits and waits for the end; gives the id. */
async function sendThrough(client: PartnerClient, to: string, fields: smpp.PduFields) {
  const response = await client.submit(to, fields)
  expect(response).toMatchObject({ command: 'submit_sm_resp', command_status: 0 })
  const id = String(response.message_id)
  expect(await gateway.api.settled(id)).toMatchObject({ id, status: 'delivered', to: `+${to}` })
  return id
}

describe('a bind', () => {
  test.each([
    ['an unknown system_id', 'nobody', 'pw1', smpp.errors.ESME_RINVSYSID],
    ['a wrong password', 'partner1', 'pw2', smpp.errors.ESME_RINVPASWD],
    ['no password', 'partner1', '', smpp.errors.ESME_RINVPASWD],
  ])('%s is refused', async (_what, systemId, password, status) => {
    const client = await connected()
    expect(await client.bind(systemId, password)).toMatchObject({
      command: 'bind_transceiver_resp',
      command_status: status,
    })
  })

  test('nothing is taken before it', async () => {
    const client = await connected()
    const response = await client.submit(recipient())
    expect(response.command_status).toBe(smpp.errors.ESME_RINVBNDSTS)
  })

  test('a receiver may not submit', async () => {
    const client = await bound('bind_receiver')
    const response = await client.submit(recipient())
    expect(response.command_status).toBe(smpp.errors.ESME_RINVBNDSTS)
  })
})

describe('submit_sm', () => {
  test.each([
    ['GSM-7', 0, 'Hello @£€ {code} 4711'],
    ['UCS-2', 8, '您的验证码 😀 ğış'],
    ['Latin-1', 3, 'Grüße, señor'],
  ])('%s text arrives at the carrier', async (_what, data_coding, text) => {
    const client = await bound()
    const to = recipient()
    const id = await sendThrough(client, to, { data_coding, short_message: text })
    expect(textOnAir(submitsTo(to), 'gsm7')).toBe(text)
    expect(await gateway.api.message(id)).toMatchObject({ text, from: 'ACME' })
  })

  test('a long text in message_payload is split for the carrier', async () => {
    const client = await bound()
    const to = recipient()
    const text = '0123456789'.repeat(40)
    await sendThrough(client, to, { short_message: '', message_payload: text })
    expect(submitsTo(to)).toHaveLength(3)
    expect(textOnAir(submitsTo(to), 'gsm7')).toBe(text)
  })

  test('segments with a user data header pass through, each with its own id', async () => {
    const client = await bound()
    const to = recipient()
    const parts = ['first part, ', 'second part']
    const ids: string[] = []
    for (const [index, message] of parts.entries()) {
      const udh = Buffer.from([5, 0, 3, 0x2a, 2, index + 1])
      const response = await client.submit(to, { esm_class: 0x40, short_message: { udh, message } })
      expect(response.command_status).toBe(0)
      ids.push(String(response.message_id))
    }
    for (const id of ids) await gateway.api.settled(id)
    expect(new Set(ids).size).toBe(2)
    expect(textOnAir(submitsTo(to), 'gsm7')).toBe(parts.join(''))
    expect(submitsTo(to)[0]?.shortMessage.subarray(0, 6)).toEqual(
      Buffer.from([5, 0, 3, 0x2a, 2, 1]),
    )
  })

  test('SAR segments arrive as segments of one message', async () => {
    const client = await bound()
    const to = recipient()
    const parts = ['one ', 'two ', 'three']
    for (const [index, short_message] of parts.entries()) {
      const response = await client.submit(to, {
        short_message,
        sar_msg_ref_num: 0x1234,
        sar_total_segments: 3,
        sar_segment_seqnum: index + 1,
      })
      expect(response.command_status).toBe(0)
      await gateway.api.settled(String(response.message_id))
    }
    expect(textOnAir(submitsTo(to), 'gsm7')).toBe(parts.join(''))
  })

  test.each([
    ['no number', '12', {}, smpp.errors.ESME_RINVDSTADR],
    ['a country without a carrier', '33612345678', {}, smpp.errors.ESME_RINVDSTADR],
    ['no sender', '447700900999', { source_addr: '' }, smpp.errors.ESME_RINVSRCADR],
    ['no text', '447700900999', { short_message: '' }, smpp.errors.ESME_RINVMSGLEN],
    [
      'a time to send at that is none',
      '447700900999',
      { schedule_delivery_time: '261331235959000+' },
      smpp.errors.ESME_RINVSCHED,
    ],
  ])('%s is refused, and nothing is sent', async (_what, to, fields, status) => {
    const client = await bound()
    const before = peer.submits.length
    expect(await client.submit(to, fields)).toMatchObject({ command_status: status })
    expect(peer.submits).toHaveLength(before)
  })

  test('a window of 100 submits at once: 100 different ids, all delivered', async () => {
    const client = await bound('bind_transmitter')
    const numbers = Array.from({ length: 100 }, recipient)
    const responses = await Promise.all(
      numbers.map((to) => client.submit(to, { registered_delivery: 0 })),
    )
    const ids = responses.map(({ message_id }) => String(message_id))
    expect(new Set(ids).size).toBe(100)
    for (const id of ids)
      expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered' })
  })
})

describe('receipts', () => {
  test('come with the id of the response, character for character', async () => {
    const client = await bound()
    const to = recipient()
    const response = await client.submit(to)
    const id = String(response.message_id)
    expect(id).toBe((await gateway.api.message(id)).id)
    const [receipt] = await client.deliveries(1)
    expect(receipt).toMatchObject({
      esm_class: 0x04,
      source_addr: to,
      destination_addr: 'ACME',
      receipted_message_id: id,
      message_state: 2,
    })
    expect(String(receipt?.short_message.message)).toMatch(
      new RegExp(
        `^id:${id} sub:001 dlvrd:001 submit date:\\d{10} done date:\\d{10} stat:DELIVRD err:000`,
      ),
    )
  })

  test('tell of a failure', async () => {
    peer.onSubmit = ({ number }) => ({ id: `m${number}`, receipt: 'UNDELIV' })
    const client = await bound()
    await client.submit(recipient())
    const [receipt] = await client.deliveries(1)
    expect(String(receipt?.short_message.message)).toContain('stat:UNDELIV')
    peer.onSubmit = ({ number }) => ({ id: `m${number}` })
  })

  test('wait while the partner is away, and come after its next bind', async () => {
    peer.deliversReceipts = false
    const first = await bound()
    const sent: string[] = []
    for (let index = 0; index < 20; index++) {
      sent.push(String((await first.submit(recipient())).message_id))
    }
    await first.unbind()
    peer.deliversReceipts = true
    peer.deliver()
    for (const id of sent) await gateway.api.settled(id)
    expect(first.received).toEqual([])

    const second = await bound('bind_receiver')
    const receipts = await second.deliveries(20)
    expect(receipts.map((pdu) => pdu.receipted_message_id).sort()).toEqual(sent.sort())
    await second.unbind()
    // Once acknowledged they are gone: the next bind gets only its own.
    const third = await bound()
    const { message_id: own } = await third.submit(recipient())
    await third.deliveries(1)
    expect(third.received.map((pdu) => pdu.receipted_message_id)).toEqual([own])
  })

  test('go to the receiver, not to the transmitter', async () => {
    const transmitter = await bound('bind_transmitter')
    const receiver = await bound('bind_receiver')
    const { message_id: id } = await transmitter.submit(recipient())
    const [receipt] = await receiver.deliveries(1)
    expect(receipt?.receipted_message_id).toBe(id)
    expect(transmitter.received).toEqual([])
  })

  test('none for registered_delivery 0, one for a failure only with 2', async () => {
    const client = await bound()
    for (const registered_delivery of [0, 2]) {
      await sendThrough(client, recipient(), { registered_delivery })
    }
    // Receipts go in order: one that was owed for those would have come before this one.
    const { message_id: wanted } = await client.submit(recipient())
    await client.deliveries(1)
    expect(client.received.map((pdu) => pdu.receipted_message_id)).toEqual([wanted])
  })

  test('what a partner cannot take now comes again', async () => {
    const client = await bound()
    client.deliverStatus = smpp.errors.ESME_RX_T_APPN ?? 0x64
    const { message_id: id } = await client.submit(recipient())
    await client.deliveries(1)
    client.deliverStatus = 0
    const [, again] = await client.deliveries(2)
    expect(again?.receipted_message_id).toBe(id)
  })
})
