import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { PartnerClient } from '../support/partner-client.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

const ESME_RINVMSGID = 0x0c
const ESME_RCANCELFAIL = 0x11
const ESME_RINVSCHED = 0x61
const ESME_RINVEXPIRY = 0x62

let place: Awaited<ReturnType<typeof temporaryFolder>>
let peer: SmppPeer
let gateway: TestGateway
let partner: PartnerClient

/** The usual file, with a window in which a partner's repetitions are found. */
function yaml(port: number): string {
  const file = JSON.parse(yamlFor({ name: 'alpha', port }))
  file.partners[0].duplicate_window_seconds = 3_600
  return JSON.stringify(file)
}

beforeAll(async () => {
  place = await temporaryFolder()
  peer = await SmppPeer.listen()
  gateway = await openGateway(yaml(peer.port), { folder: place.path })
})

afterAll(async () => {
  await gateway.close()
  await peer.close()
  await place.remove()
})

beforeEach(async () => {
  peer.onSubmit = ({ number }) => ({ id: `m${number}` })
  peer.onCancel = () => 0
  partner = await PartnerClient.bound(gateway.smppPort)
})

afterEach(() => partner.close())

/** An hour ahead, as a relative time of SMPP. */
const IN_AN_HOUR = '000000010000000R'

function cancelSm(message_id: string) {
  return partner.ask('cancel_sm', {
    message_id,
    source_addr_ton: 5,
    source_addr: 'ACME',
    dest_addr_ton: 1,
    dest_addr_npi: 1,
    destination_addr: '447700900123',
  })
}

describe('cancel_sm at the carrier', () => {
  test('a message that is there is asked back by its id and addresses', async () => {
    peer.onSubmit = ({ number }) => ({ id: `m${number}`, receipt: false })
    const id = await gateway.api.send({ to: '+447700900123', text: 'take me back' })
    await gateway.api.until(id, ({ status }) => status === 'sent')
    const submit = peer.submits.at(-1)
    const { status, body } = await gateway.api.call('POST', `/v1/messages/${id}/cancel`)
    expect([status, body.status, body.error.code]).toEqual([200, 'canceled', 'canceled'])
    expect(peer.cancels.at(-1)).toMatchObject({
      message_id: `m${submit?.number}`,
      source_addr_ton: 5,
      source_addr: 'Linehaul',
      dest_addr_ton: 1,
      destination_addr: '447700900123',
    })
  })

  test('what it does not give back goes on, and the reason is told', async () => {
    peer.onSubmit = ({ number }) => ({ id: `m${number}`, receipt: false })
    peer.onCancel = () => ESME_RCANCELFAIL
    const id = await gateway.api.send({ to: '+447700900123', text: 'too late' })
    await gateway.api.until(id, ({ status }) => status === 'sent')
    const { status, body } = await gateway.api.call('POST', `/v1/messages/${id}/cancel`)
    expect([status, body.code]).toEqual([409, 'not_cancelable'])
    expect(body.detail).toMatch(/alpha does not cancel it: ESME_RCANCELFAIL/)
    const [, number] = /^m(\d+)$/.exec(String(peer.cancels.at(-1)?.message_id)) ?? []
    peer.addReceipt({ id: `m${number}`, from: 'Linehaul', to: '447700900123', stat: 'DELIVRD' })
    expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered' })
  })
})

describe("a partner's cancel_sm", () => {
  test('cancels what waits, and the receipt says DELETED', async () => {
    const { command_status, message_id } = await partner.submit('447700900123', {
      schedule_delivery_time: IN_AN_HOUR,
    })
    expect(command_status).toBe(0)
    const id = String(message_id)
    expect(await gateway.api.message(id)).toMatchObject({ status: 'scheduled' })
    expect((await cancelSm(id)).command_status).toBe(0)
    const [receipt] = await partner.deliveries(1)
    const text = receipt?.short_message as { message: string }
    expect(text.message).toContain(`id:${id}`)
    expect(text.message).toContain('stat:DELETED')
    expect((await cancelSm(id)).command_status).toBe(0)
  })

  test('what is over cannot be canceled; what is not theirs has no such id', async () => {
    const { message_id } = await partner.submit('447700900123')
    await gateway.api.settled(String(message_id))
    expect((await cancelSm(String(message_id))).command_status).toBe(ESME_RCANCELFAIL)
    const ofRest = await gateway.api.send({
      to: '+447700900123',
      text: 'x',
      send_at: new Date(Date.now() + 3_600_000).toISOString(),
    })
    expect((await cancelSm(ofRest)).command_status).toBe(ESME_RINVMSGID)
    expect((await cancelSm('4711')).command_status).toBe(ESME_RINVMSGID)
    expect((await cancelSm('')).command_status).toBe(ESME_RCANCELFAIL)
    expect(await gateway.api.message(ofRest)).toMatchObject({ status: 'scheduled' })
  })
})

describe("a partner's times", () => {
  test('are those of the message', async () => {
    const { message_id } = await partner.submit('447700900123', {
      schedule_delivery_time: IN_AN_HOUR,
      validity_period: '000000030000000R',
    })
    const { body } = await gateway.api.get(`/v1/messages/${message_id}`)
    const sendAtMs = Date.parse(body.send_at)
    expect(Math.abs(sendAtMs - Date.now() - 3_600_000)).toBeLessThan(30_000)
    expect(Date.parse(body.expires_at) - sendAtMs).toBe(7_200_000)
  })

  test.each([
    [ESME_RINVSCHED, { schedule_delivery_time: 'tomorrow' }],
    [ESME_RINVSCHED, { schedule_delivery_time: '020101000000000+' }],
    [ESME_RINVSCHED, { schedule_delivery_time: '020000000000000R' }],
    [ESME_RINVEXPIRY, { validity_period: '261331000000000+' }],
    [ESME_RINVEXPIRY, { validity_period: '020101000000000+' }],
  ])('are refused with 0x%s when wrong: %j', async (status, fields) => {
    expect((await partner.submit('447700900123', fields)).command_status).toBe(status)
  })
})

describe("a partner's repetition", () => {
  test('gets the id of the first, at once, on another session and after a restart', async () => {
    const fields = { user_message_reference: 4711 }
    const before = peer.submits.length
    const together = await Promise.all([
      partner.submit('447700900123', fields),
      partner.submit('447700900123', fields),
    ])
    const ids = new Set(together.map(({ message_id }) => String(message_id)))
    expect(ids.size).toBe(1)
    const [id = ''] = ids
    await gateway.api.settled(id)
    expect(peer.submits.length).toBe(before + 1)

    await gateway.close()
    gateway = await openGateway(yaml(peer.port), { folder: place.path })
    await partner.close()
    partner = await PartnerClient.bound(gateway.smppPort)
    const again = await partner.submit('447700900123', fields)
    expect([again.command_status, again.message_id]).toEqual([0, id])
    const other = await partner.submit('447700900123', { user_message_reference: 4712 })
    expect(other.message_id).not.toBe(id)
    await gateway.api.settled(String(other.message_id))
    expect(peer.submits.length).toBe(before + 2)
  })

  test('of what was refused is judged anew', async () => {
    const fields = { user_message_reference: 4713, destination_addr: '1' }
    const first = await partner.submit('1', fields)
    const second = await partner.submit('1', fields)
    expect([first.command_status, second.command_status]).toEqual([0x0b, 0x0b])
  })

  test('is none without the reference', async () => {
    const first = await partner.submit('447700900123')
    const second = await partner.submit('447700900123')
    expect(first.message_id).not.toBe(second.message_id)
  })
})
