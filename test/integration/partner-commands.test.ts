import smpp from 'smpp'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { PartnerClient } from '../support/partner-client.ts'
import { SmppPeer, type Submit } from '../support/smpp-peer.ts'
import { textOnAir } from '../support/submit-octets.ts'

/** What partners can ask beside submit_sm, over sockets, through a client that shares no code with us. */

const {
  ESME_RINVBNDSTS,
  ESME_RINVCMDID,
  ESME_RINVSRCADR,
  ESME_RINVDSTADR,
  ESME_RINVMSGID,
  ESME_RCANCELFAIL,
  ESME_RREPLACEFAIL,
  ESME_RINVEXPIRY,
  ESME_RINVDLNAME,
  ESME_RSUBMITFAIL,
  ESME_RINVREPFLAG,
} = smpp.errors

/** An hour ahead, and three, as relative times of SMPP. */
const IN_AN_HOUR = '000000010000000R'
const IN_THREE_HOURS = '000000030000000R'
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/
const NOBODYS = '01890000-0000-7000-8000-000000000001'

let place: Awaited<ReturnType<typeof temporaryFolder>>
let peer: SmppPeer
let gateway: TestGateway
let partner: PartnerClient
const clients: PartnerClient[] = []

function yaml(port: number): string {
  const file = JSON.parse(yamlFor({ name: 'alpha', port }))
  const account = { password: 'pw1', tenant: 'demo' }
  file.partners.push(
    { ...account, system_id: 'decimal', message_id_form: 'decimal' },
    { ...account, system_id: 'hex', message_id_form: 'hex8' },
    { ...account, system_id: 'neighbour' },
    { ...account, system_id: 'careful', duplicate_window_seconds: 3_600 },
    {
      ...account,
      system_id: 'styled',
      receipt_tlvs: 'never',
      receipt_format: { dates: 'seconds', error_digits: 4, stat: { UNDELIV: 'FAILED' } },
    },
  )
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
  partner = await bound('partner1')
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
})

async function bound(
  system_id: string,
  { how = 'bind_transceiver', version = 0x34 }: { how?: string; version?: number } = {},
): Promise<PartnerClient> {
  const client = await PartnerClient.connect(gateway.smppPort)
  clients.push(client)
  const fields = { system_id, password: 'pw1', interface_version: version }
  expect(await client.ask(how, fields)).toMatchObject({ command_status: 0 })
  return client
}

let lastNumber = 447_700_900_000

/** A number of its own for each message. */
function recipient(): string {
  lastNumber++
  return String(lastNumber)
}

function submitsTo(to: string): Submit[] {
  return peer.submits.filter((submit) => submit.to === to)
}

async function idOf(response: Promise<smpp.PDU>): Promise<string> {
  const { command_status, message_id } = await response
  expect(command_status).toBe(0)
  return String(message_id)
}

const SOURCE = { source_addr_ton: 5, source_addr: 'ACME' }

function query(client: PartnerClient, message_id: string, more: smpp.PduFields = {}) {
  return client.ask('query_sm', { message_id, ...SOURCE, ...more })
}

function cancel(client: PartnerClient, fields: smpp.PduFields) {
  const destination = fields.destination_addr ? { dest_addr_ton: 1, dest_addr_npi: 1 } : {}
  return client.ask('cancel_sm', { ...SOURCE, ...destination, ...fields })
}

function replace(client: PartnerClient, message_id: string, more: smpp.PduFields = {}) {
  return client.ask('replace_sm', {
    message_id,
    ...SOURCE,
    registered_delivery: 1,
    short_message: 'another text',
    ...more,
  })
}

function submitMulti(client: PartnerClient, to: readonly string[], more: smpp.PduFields = {}) {
  return client.ask('submit_multi', {
    ...SOURCE,
    dest_address: to.map((destination_addr) => ({
      dest_addr_ton: 1,
      dest_addr_npi: 1,
      destination_addr,
    })),
    registered_delivery: 1,
    data_coding: 0,
    short_message: 'hello all',
    ...more,
  })
}

function textOf(pdu: smpp.PDU | undefined): string {
  return String(pdu?.short_message.message)
}

/** Resolves with the receipts by the number that they are about. */
async function receiptsOf(client: PartnerClient, count: number) {
  const receipts = await client.deliveries(count)
  return new Map(receipts.map((pdu) => [String(pdu.source_addr), pdu]))
}

describe('query_sm', () => {
  test('tells of a message that waits, at once after the response', async () => {
    const id = await idOf(partner.submit(recipient(), { schedule_delivery_time: IN_AN_HOUR }))
    expect(await query(partner, id)).toMatchObject({
      command: 'query_sm_resp',
      command_status: 0,
      message_id: id,
      message_state: 1,
      error_code: 0,
      final_date: '',
    })
  })

  test('SCHEDULED is for those who know it', async () => {
    const modern = await bound('partner1', { version: 0x50 })
    const id = await idOf(modern.submit(recipient(), { schedule_delivery_time: IN_AN_HOUR }))
    expect((await query(modern, id)).message_state).toBe(0)
  })

  test('tells of the end, when it was, and the carrier’s error', async () => {
    const id = await idOf(partner.submit(recipient()))
    const { final_at } = await gateway.api.settled(id)
    const answer = await query(partner, id)
    expect(answer).toMatchObject({ command_status: 0, message_state: 2, error_code: 0 })
    const told = new Date(answer.final_date).getTime()
    expect(Math.abs(told - new Date(String(final_at)).getTime())).toBeLessThan(1_000)

    peer.onSubmit = ({ number }) => ({ id: `m${number}`, receipt: false })
    const to = recipient()
    const failed = await idOf(partner.submit(to))
    await gateway.api.until(failed, ({ status }) => status === 'sent')
    const [submit] = submitsTo(to)
    peer.addReceipt({
      id: `m${submit?.number}`,
      from: 'ACME',
      to,
      stat: 'UNDELIV',
      error: '034',
    })
    await gateway.api.settled(failed)
    expect(await query(partner, failed)).toMatchObject({ message_state: 5, error_code: 34 })
  })

  test('only of their own messages, by an id that there is and the sender that they gave', async () => {
    const id = await idOf(partner.submit(recipient(), { schedule_delivery_time: IN_AN_HOUR }))
    const neighbour = await bound('neighbour')
    for (const [client, asked, more, status] of [
      [neighbour, id, {}, ESME_RINVMSGID],
      [partner, NOBODYS, {}, ESME_RINVMSGID],
      [partner, 'no-such-id', {}, ESME_RINVMSGID],
      [partner, '', {}, ESME_RINVMSGID],
      [partner, id, { source_addr: 'OTHER' }, ESME_RINVSRCADR],
      [partner, id.toUpperCase(), {}, 0],
      [partner, id, { source_addr_ton: 0, source_addr: '' }, 0],
    ] as const) {
      expect((await query(client, asked, more)).command_status).toBe(status)
    }
  })
})

describe('replace_sm', () => {
  test('changes the text, the time, the validity and the receipt of what waits', async () => {
    const to = recipient()
    const id = await idOf(partner.submit(to, { schedule_delivery_time: IN_AN_HOUR }))
    const before = await gateway.api.message(id)
    const answer = await replace(partner, id, {
      schedule_delivery_time: IN_THREE_HOURS,
      validity_period: '000001000000000R',
      registered_delivery: 0,
    })
    expect(answer).toMatchObject({ command: 'replace_sm_resp', command_status: 0 })
    const after = await gateway.api.message(id)
    expect(after).toMatchObject({ text: 'another text', status: 'scheduled' })
    const hours = (from: unknown, until: unknown) =>
      Math.round((Date.parse(String(until)) - Date.parse(String(from))) / 3_600_000)
    expect(hours(before.send_at, after.send_at)).toBe(2)
    expect(hours(after.send_at, after.expires_at)).toBe(21)
    // A receipt for it would come before that of the next one.
    expect((await cancel(partner, { message_id: id })).command_status).toBe(0)
    const next = await idOf(partner.submit(recipient()))
    const [receipt] = await partner.deliveries(1)
    expect(receipt?.receipted_message_id).toBe(next)
  })

  test('what is left out stays; then the message goes out as it was changed', async () => {
    const to = recipient()
    const id = await idOf(
      partner.submit(to, {
        schedule_delivery_time: IN_AN_HOUR,
        data_coding: 8,
        short_message: 'первый',
      }),
    )
    const before = await gateway.api.message(id)
    // The data_coding stays: the octets are UCS-2.
    const ucs2 = Buffer.from('второй', 'utf16le').swap16()
    expect((await replace(partner, id, { short_message: ucs2 })).command_status).toBe(0)
    expect(await gateway.api.message(id)).toMatchObject({
      text: 'второй',
      send_at: before.send_at,
      expires_at: before.expires_at,
    })
    const now = new Date(Date.now() - 1_000)
    const fields = { short_message: '', schedule_delivery_time: now }
    expect((await replace(partner, id, fields)).command_status).toBe(0)
    await gateway.api.settled(id)
    expect(textOnAir(submitsTo(to), 'gsm7')).toBe('второй')
  })

  test('octets that pass through are changed octet by octet', async () => {
    const to = recipient()
    const id = await idOf(
      partner.submit(to, {
        schedule_delivery_time: IN_AN_HOUR,
        data_coding: 4,
        short_message: Buffer.from([1, 2, 3]),
      }),
    )
    const octets = Buffer.from([9, 8, 7, 6])
    const fields = {
      short_message: octets,
      schedule_delivery_time: new Date(Date.now() - 1_000),
    }
    expect((await replace(partner, id, fields)).command_status).toBe(0)
    await gateway.api.settled(id)
    expect(submitsTo(to).map(({ shortMessage }) => shortMessage)).toEqual([octets])
  })

  test('a Latin-1 text is replaced in Latin-1', async () => {
    const to = recipient()
    const later = { schedule_delivery_time: IN_AN_HOUR, data_coding: 3 }
    const id = await idOf(partner.submit(to, { ...later, short_message: Buffer.from('x') }))
    const short_message = Buffer.from('señor ê', 'latin1')
    expect((await replace(partner, id, { short_message })).command_status).toBe(0)
    expect(await gateway.api.message(id)).toMatchObject({ text: 'señor ê' })
    const tooLong = { short_message: Buffer.alloc(141, 'x') }
    expect((await replace(partner, id, tooLong)).command_status).toBe(smpp.errors.ESME_RINVMSGLEN)
  })

  test('is refused for what is over, what is not theirs, and what makes no sense', async () => {
    const over = await idOf(partner.submit(recipient()))
    await gateway.api.settled(over)
    const waiting = await idOf(partner.submit(recipient(), { schedule_delivery_time: IN_AN_HOUR }))
    const neighbour = await bound('neighbour')
    for (const [client, id, more, status] of [
      [partner, over, {}, ESME_RREPLACEFAIL],
      [partner, NOBODYS, {}, ESME_RINVMSGID],
      [neighbour, waiting, {}, ESME_RINVMSGID],
      [partner, waiting, { source_addr: 'OTHER' }, ESME_RINVSRCADR],
      [partner, waiting, { source_addr_ton: 0, source_addr: '' }, ESME_RINVSRCADR],
      // It would end before the hour is over.
      [partner, waiting, { validity_period: '000000000100000R' }, ESME_RINVEXPIRY],
    ] as const) {
      expect((await replace(client, id, more)).command_status).toBe(status)
    }
    expect(await gateway.api.message(waiting)).toMatchObject({ text: 'hello', status: 'scheduled' })
  })
})

describe('cancel_sm', () => {
  test('with an id: addresses that are given must be those of the message', async () => {
    const to = recipient()
    const id = await idOf(partner.submit(to, { schedule_delivery_time: IN_AN_HOUR }))
    for (const [fields, status] of [
      [{ message_id: id, source_addr: 'OTHER' }, ESME_RINVSRCADR],
      [{ message_id: id, destination_addr: recipient() }, ESME_RINVDSTADR],
      [{ message_id: id, source_addr: '', destination_addr: to }, 0],
    ] as const) {
      expect((await cancel(partner, fields)).command_status).toBe(status)
    }
    expect(await gateway.api.message(id)).toMatchObject({ status: 'canceled' })
  })

  test('without an id: all that wait from the sender to the number, and no other', async () => {
    const to = recipient()
    const later = { schedule_delivery_time: IN_AN_HOUR }
    const neighbour = await bound('neighbour')
    const meant = [await idOf(partner.submit(to, later)), await idOf(partner.submit(to, later))]
    const others = [
      await idOf(partner.submit(recipient(), later)),
      await idOf(partner.submit(to, { ...later, source_addr: 'OTHER' })),
      await idOf(neighbour.submit(to, later)),
    ]
    expect((await cancel(partner, { destination_addr: to })).command_status).toBe(0)
    for (const id of meant) {
      expect(await gateway.api.message(id)).toMatchObject({ status: 'canceled' })
    }
    for (const id of others) {
      expect(await gateway.api.message(id)).toMatchObject({ status: 'scheduled' })
    }
    const again = await cancel(partner, { destination_addr: to })
    expect(again.command_status).toBe(ESME_RCANCELFAIL)
    expect((await cancel(partner, {})).command_status).toBe(ESME_RINVDSTADR)
  })
})

describe('service_type', () => {
  test('narrows a cancel_sm by addresses, where one is given', async () => {
    const to = recipient()
    const later = { schedule_delivery_time: IN_AN_HOUR }
    const plain = await idOf(partner.submit(to, { ...later }))
    const wap = await idOf(partner.submit(to, { ...later, service_type: 'WAP' }))
    const cmt = await idOf(partner.submit(to, { ...later, service_type: 'CMT' }))
    const status = async (id: string) => (await gateway.api.message(id)).status
    const fields = { destination_addr: to, service_type: 'WAP' }
    expect((await cancel(partner, { ...fields })).command_status).toBe(0)
    expect([await status(plain), await status(wap), await status(cmt)]).toEqual([
      'scheduled',
      'canceled',
      'scheduled',
    ])
    expect((await cancel(partner, { ...fields })).command_status).toBe(ESME_RCANCELFAIL)
    expect((await cancel(partner, { destination_addr: to })).command_status).toBe(0)
    expect([await status(plain), await status(cmt)]).toEqual(['canceled', 'canceled'])
  })

  test('must be the same where a message replaces another', async () => {
    const to = recipient()
    const later = { schedule_delivery_time: IN_AN_HOUR }
    const plain = await idOf(partner.submit(to, { ...later }))
    const wap = await idOf(partner.submit(to, { ...later, service_type: 'WAP' }))
    const instead = { ...later, service_type: 'WAP', replace_if_present_flag: 1 }
    await idOf(partner.submit(to, instead))
    expect(await gateway.api.message(plain)).toMatchObject({ status: 'scheduled' })
    expect(await gateway.api.message(wap)).toMatchObject({ status: 'canceled' })
  })
})

describe('submit_multi', () => {
  test('one id, one message for each destination, a receipt for each with that id', async () => {
    const to = [recipient(), recipient(), recipient()]
    const response = await submitMulti(partner, to)
    expect(response).toMatchObject({ command: 'submit_multi_resp', command_status: 0 })
    expect(response.unsuccess_sme).toEqual([])
    const id = String(response.message_id)
    expect(id).toMatch(UUID)
    const receipts = await receiptsOf(partner, 3)
    expect([...receipts.keys()].sort()).toEqual([...to].sort())
    for (const receipt of receipts.values()) {
      expect(receipt.receipted_message_id).toBe(id)
      expect(textOf(receipt)).toMatch(new RegExp(`^id:${id} .* stat:DELIVRD `))
    }
    for (const each of to) expect(textOnAir(submitsTo(each), 'gsm7')).toBe('hello all')
    expect(await query(partner, id)).toMatchObject({ message_id: id, message_state: 2 })
  })

  test('what is refused is named with its status, and the others go', async () => {
    const good = recipient()
    const response = await partner.ask('submit_multi', {
      ...SOURCE,
      dest_address: [
        { dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: '12' },
        { dl_name: 'everybody' },
        { dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: good },
        { dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: '33612345678' },
      ],
      short_message: 'hello',
      registered_delivery: 1,
    })
    expect(response.command_status).toBe(0)
    const unsuccessful = (response.unsuccess_sme as smpp.PduFields[]).map(
      ({ destination_addr, error_status_code }) => [destination_addr, error_status_code],
    )
    expect(new Map(unsuccessful as [string, number][])).toEqual(
      new Map([
        ['12', ESME_RINVDSTADR],
        ['everybody', ESME_RINVDLNAME],
        ['33612345678', ESME_RINVDSTADR],
      ]),
    )
    const receipts = await receiptsOf(partner, 1)
    expect(receipts.get(good)?.receipted_message_id).toBe(response.message_id)
  })

  test('nobody can be reached: it fails as a whole', async () => {
    const response = await submitMulti(partner, ['12', '13'])
    expect(response.command_status).toBe(ESME_RSUBMITFAIL)
  })

  test('254 destinations at once', async () => {
    const to = Array.from({ length: 254 }, recipient)
    const later = { schedule_delivery_time: IN_AN_HOUR, registered_delivery: 0 }
    const response = await submitMulti(partner, to, later)
    expect(response.command_status).toBe(0)
    expect(response.unsuccess_sme).toEqual([])
    const id = String(response.message_id)
    expect((await query(partner, id)).message_state).toBe(1)
    const [first = '', ...others] = to
    // One destination, then all that are left.
    const one = await cancel(partner, { message_id: id, destination_addr: first })
    expect(one.command_status).toBe(0)
    expect((await query(partner, id)).message_state).toBe(1)
    expect((await replace(partner, id)).command_status).toBe(0)
    expect((await cancel(partner, { message_id: id })).command_status).toBe(0)
    expect(await query(partner, id)).toMatchObject({ message_state: 4 })
    for (const each of [first, others[0], others.at(-1)]) {
      const [message] = await gateway.api.list(`&to=%2B${each}`)
      expect(message).toMatchObject({
        status: 'canceled',
        text: each === first ? 'hello all' : 'another text',
      })
    }
  })

  test('a repetition in the duplicate window gets the answer of the first', async () => {
    const careful = await bound('careful')
    const to = [recipient(), '12', recipient()]
    const same = { user_message_reference: 8, schedule_delivery_time: IN_AN_HOUR }
    const first = await submitMulti(careful, to, { ...same })
    const again = await submitMulti(careful, to, { ...same })
    expect(again.message_id).toBe(first.message_id)
    expect(again.unsuccess_sme).toEqual(first.unsuccess_sme)
    expect(again.unsuccess_sme).toMatchObject([{ destination_addr: '12' }])
    expect(await gateway.api.list(`&to=%2B${to[0]}`)).toHaveLength(1)
    const other = await submitMulti(careful, to, { ...same, user_message_reference: 9 })
    expect(other.message_id).not.toBe(first.message_id)
  })

  test('different ends: the worst is told, DELIVERED only when all are', async () => {
    const [good, bad] = [recipient(), recipient()]
    peer.onSubmit = ({ number, to }) => ({
      id: `m${number}`,
      receipt: to === bad ? 'UNDELIV' : 'DELIVRD',
    })
    const { message_id } = await submitMulti(partner, [good, bad])
    const receipts = await receiptsOf(partner, 2)
    expect(textOf(receipts.get(good))).toContain('stat:DELIVRD')
    expect(textOf(receipts.get(bad))).toContain('stat:UNDELIV')
    expect((await query(partner, String(message_id))).message_state).toBe(5)
  })
})

describe('data_sm', () => {
  test('its text in message_payload goes out, and its receipt names the id', async () => {
    const to = recipient()
    const text = 'a long text, '.repeat(20)
    const response = await partner.ask('data_sm', {
      ...SOURCE,
      dest_addr_ton: 1,
      dest_addr_npi: 1,
      destination_addr: to,
      registered_delivery: 1,
      message_payload: text,
      qos_time_to_live: 3_600,
    })
    expect(response).toMatchObject({ command: 'data_sm_resp', command_status: 0 })
    const id = String(response.message_id)
    const [receipt] = await partner.deliveries(1)
    expect(receipt?.receipted_message_id).toBe(id)
    expect(textOnAir(submitsTo(to), 'gsm7')).toBe(text)
    const { created_at, expires_at } = await gateway.api.message(id)
    expect(Date.parse(String(expires_at)) - Date.parse(String(created_at))).toBe(3_600_000)
  })

  test('without message_payload it is refused', async () => {
    const fields = { ...SOURCE, dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: recipient() }
    expect((await partner.ask('data_sm', fields)).command_status).toBe(0xc3)
  })
})

describe('replace_if_present_flag', () => {
  const later = { schedule_delivery_time: IN_AN_HOUR }
  const instead = { ...later, replace_if_present_flag: 1 }

  test('the new message takes the place of what waits with the same addresses', async () => {
    const to = recipient()
    const old = await idOf(partner.submit(to, later))
    const elsewhere = await idOf(partner.submit(recipient(), later))
    const otherSender = await idOf(partner.submit(to, { ...later, source_addr: 'OTHER' }))
    const id = await idOf(partner.submit(to, { ...instead, short_message: 'newer' }))
    expect(await gateway.api.message(old)).toMatchObject({
      status: 'canceled',
      error: { detail: `replaced by ${id}` },
    })
    for (const stays of [elsewhere, otherSender, id]) {
      expect(await gateway.api.message(stays)).toMatchObject({ status: 'scheduled' })
    }
    const receipts = await partner.deliveries(1)
    expect(receipts.map((pdu) => pdu.receipted_message_id)).toEqual([old])
    expect(textOf(receipts[0])).toContain('stat:DELETED')
  })

  test('of many at once, one is left', async () => {
    const to = recipient()
    const ids = await Promise.all(
      Array.from({ length: 20 }, () => idOf(partner.submit(to, { ...instead }))),
    )
    const messages = await Promise.all(ids.map((id) => gateway.api.message(id)))
    expect(messages.filter(({ status }) => status === 'scheduled')).toHaveLength(1)
    expect(messages.filter(({ status }) => status === 'canceled')).toHaveLength(19)
  })

  test('segments of one long message do not replace each other', async () => {
    const to = recipient()
    const part = (reference: number, index: number) =>
      idOf(
        partner.submit(to, {
          ...instead,
          esm_class: 0x40,
          short_message: {
            udh: Buffer.from([5, 0, 3, reference, 2, index]),
            message: `part ${index}`,
          },
        }),
      )
    const first = [await part(1, 1), await part(1, 2)]
    const second = [await part(2, 1), await part(2, 2)]
    const statuses = async (ids: readonly string[]) =>
      (await Promise.all(ids.map((id) => gateway.api.message(id)))).map(({ status }) => status)
    expect(await statuses(first)).toEqual(['canceled', 'canceled'])
    expect(await statuses(second)).toEqual(['scheduled', 'scheduled'])
  })

  test('nothing waits: it is a message like any other; other values are refused', async () => {
    const to = recipient()
    const id = await idOf(partner.submit(to, { replace_if_present_flag: 1 }))
    expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered' })
    const wrong = await partner.submit(to, { replace_if_present_flag: 2 })
    expect(wrong.command_status).toBe(ESME_RINVREPFLAG)
  })

  test('a repetition in the duplicate window replaces nothing', async () => {
    const careful = await bound('careful')
    const to = recipient()
    const same = { ...instead, user_message_reference: 7 }
    const id = await idOf(careful.submit(to, { ...same }))
    expect(await idOf(careful.submit(to, { ...same }))).toBe(id)
    expect(await gateway.api.message(id)).toMatchObject({ status: 'scheduled' })
  })
})

describe('short ids', () => {
  test.each([
    ['hex', 0x34, /^[0-9A-F]{8}$/],
    ['decimal', 0x34, /^\d{10}$/],
    ['neighbour', 0x33, /^[0-9A-F]{8}$/],
    ['decimal', 0x33, /^\d{10}$/],
    ['neighbour', 0x34, UUID],
  ])('%s, bound with version %i', async (systemId, version, form) => {
    const client = await bound(systemId, { version })
    const later = { schedule_delivery_time: IN_AN_HOUR }
    const ids = await Promise.all(
      Array.from({ length: 10 }, () => idOf(client.submit(recipient(), { ...later }))),
    )
    expect(new Set(ids).size).toBe(10)
    for (const id of ids) expect(id).toMatch(form)
    const [first = '', second = ''] = ids
    expect(await query(client, first)).toMatchObject({ message_id: first, message_state: 1 })
    expect((await replace(client, first)).command_status).toBe(0)
    for (const id of [first, second]) {
      expect((await cancel(client, { message_id: id.toLowerCase() })).command_status).toBe(0)
    }
    expect(await query(client, first)).toMatchObject({ message_id: first, message_state: 4 })
    const receipts = await client.deliveries(2)
    expect(receipts.map((pdu) => /^id:(\S+) /.exec(textOf(pdu))?.[1])).toEqual([first, second])
    for (const pdu of receipts) {
      expect(pdu.receipted_message_id).toBe(
        version < 0x34 ? undefined : textOf(pdu).split(/[: ]/)[1],
      )
    }
  })

  test('a submit_multi has one, too', async () => {
    const client = await bound('hex')
    const to = [recipient(), recipient()]
    const { message_id: id } = await submitMulti(client, to)
    expect(id).toMatch(/^[0-9A-F]{8}$/)
    const receipts = await receiptsOf(client, 2)
    for (const each of to) expect(receipts.get(each)?.receipted_message_id).toBe(id)
  })

  test('of one account mean nothing to another', async () => {
    const client = await bound('hex')
    const id = await idOf(client.submit(recipient(), { schedule_delivery_time: IN_AN_HOUR }))
    expect((await query(partner, id)).command_status).toBe(ESME_RINVMSGID)
  })

  test('are found after a restart, and not given again', async () => {
    const client = await bound('decimal')
    const later = { schedule_delivery_time: IN_AN_HOUR }
    const to = [recipient(), recipient()]
    const id = await idOf(client.submit(recipient(), later))
    const { message_id: group } = await submitMulti(partner, to, later)
    for (const each of clients.splice(0)) await each.close()
    await gateway.close()
    gateway = await openGateway(yaml(peer.port), { folder: place.path })

    const again = await bound('decimal')
    expect(await query(again, id)).toMatchObject({ message_id: id, message_state: 1 })
    const next = await idOf(again.submit(recipient(), later))
    expect(BigInt(next)).toBeGreaterThan(BigInt(id))
    expect((await replace(again, id)).command_status).toBe(0)
    expect((await cancel(again, { message_id: id })).command_status).toBe(0)
    const [receipt] = await again.deliveries(1)
    expect(receipt?.receipted_message_id).toBe(id)

    const other = await bound('partner1')
    const fields = { message_id: String(group), destination_addr: to[0] }
    expect((await cancel(other, fields)).command_status).toBe(0)
    expect((await query(other, String(group))).message_state).toBe(1)
  })
})

describe('receipts of an account', () => {
  test('are written as it wants them', async () => {
    const client = await bound('styled')
    peer.onSubmit = ({ number }) => ({ id: `m${number}`, receipt: 'UNDELIV' })
    const id = await idOf(client.submit(recipient()))
    const [receipt] = await client.deliveries(1)
    expect(textOf(receipt)).toMatch(
      new RegExp(
        `^id:${id} sub:001 dlvrd:000 submit date:\\d{12} done date:\\d{12} stat:FAILED err:0000 text:`,
      ),
    )
    expect(receipt).not.toHaveProperty('receipted_message_id')
    expect(receipt).not.toHaveProperty('message_state')
  })
})

describe('intermediate notifications', () => {
  const ON_THE_WAY = { receipt: false } as const

  /** Submits, and lets the carrier say how each of its segments goes. */
  async function sendWith(client: PartnerClient, fields: smpp.PduFields, ...stats: string[]) {
    peer.onSubmit = ({ number }) => ({ id: `m${number}`, ...ON_THE_WAY })
    const to = recipient()
    const id = await idOf(client.submit(to, fields))
    await gateway.api.until(id, ({ status }) => status === 'sent')
    for (const stat of stats) {
      for (const { number } of submitsTo(to)) {
        peer.addReceipt({ id: `m${number}`, from: 'ACME', to, stat })
      }
    }
    await gateway.api.settled(id)
    return id
  }

  test('with bit 4 of registered_delivery, before the receipt', async () => {
    const client = await bound('neighbour')
    const id = await sendWith(
      client,
      { registered_delivery: 0x11 },
      'ACCEPTD',
      'ENROUTE',
      'DELIVRD',
    )
    const all = await client.deliveries(3)
    expect(all.map((pdu) => [pdu.esm_class, pdu.message_state])).toEqual([
      [0x20, 6],
      [0x20, 1],
      [0x04, 2],
    ])
    for (const pdu of all) expect(pdu.receipted_message_id).toBe(id)
    expect(textOf(all[1])).toMatch(
      new RegExp(`^id:${id} sub:001 dlvrd:000 .* stat:ENROUTE err:000`),
    )
  })

  test('one for a long message; none without the bit; the bit alone asks for no receipt', async () => {
    const client = await bound('neighbour')
    const long = { message_payload: 'x'.repeat(400), short_message: '' }
    const first = await sendWith(
      client,
      { ...long, registered_delivery: 0x11 },
      'ENROUTE',
      'DELIVRD',
    )
    await sendWith(client, { registered_delivery: 1 }, 'ENROUTE', 'DELIVRD')
    await sendWith(client, { registered_delivery: 0x10 }, 'ENROUTE', 'DELIVRD')
    const last = await sendWith(client, { registered_delivery: 0x02 }, 'ENROUTE', 'UNDELIV')
    const all = await client.deliveries(5)
    expect(all.map((pdu) => [pdu.esm_class, pdu.message_state])).toEqual([
      [0x20, 1],
      [0x04, 2],
      [0x04, 2],
      [0x20, 1],
      [0x04, 5],
    ])
    expect(all[0]?.receipted_message_id).toBe(first)
    expect(all[4]?.receipted_message_id).toBe(last)
  })
})

describe('what is not allowed, or not offered', () => {
  const to = () => ({ dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: '447700900999' })

  test.each([
    ['submit_sm', () => ({ ...SOURCE, ...to(), short_message: 'x' })],
    ['submit_multi', () => ({ ...SOURCE, dest_address: [to()], short_message: 'x' })],
    ['data_sm', () => ({ ...SOURCE, ...to(), message_payload: 'x' })],
    ['query_sm', () => ({ ...SOURCE, message_id: NOBODYS })],
    ['cancel_sm', () => ({ ...SOURCE, ...to(), message_id: NOBODYS })],
    ['replace_sm', () => ({ ...SOURCE, message_id: NOBODYS, short_message: 'x' })],
  ])('%s of a receiver has the wrong bind state', async (command, fields) => {
    const receiver = await bound('partner1', { how: 'bind_receiver' })
    const response = await receiver.ask(command, fields())
    expect(response).toMatchObject({
      command: `${command}_resp`,
      command_status: ESME_RINVBNDSTS,
    })
    // The session goes on.
    expect((await receiver.ask('enquire_link', {})).command_status).toBe(0)
  })

  test.each([
    ['broadcast_sm', 0x50],
    ['query_broadcast_sm', 0x50],
    ['cancel_broadcast_sm', 0x50],
    ['broadcast_sm', 0x34],
  ])('%s of a peer of version %i is answered as unknown', async (command, version) => {
    const client = await bound('partner1', { version })
    const response = await client.ask(command, { ...SOURCE, message_id: '' })
    expect(response).toMatchObject({ command: `${command}_resp`, command_status: ESME_RINVCMDID })
    expect((await client.submit(recipient())).command_status).toBe(0)
  })

  test('only peers of version 5.0 are told the congestion', async () => {
    for (const [version, congestion] of [
      [0x33, undefined],
      [0x34, undefined],
      [0x50, 0],
    ] as const) {
      const client = await bound('partner1', { version })
      expect((await client.submit(recipient())).congestion_state).toBe(congestion)
      expect((await query(client, NOBODYS)).congestion_state).toBe(congestion)
    }
  })
})
