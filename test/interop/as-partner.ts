import { expect, test } from 'vitest'
import { textOfJoined, textOnAir } from '../support/submit-octets.ts'
import { gsm7, LONG_TEXT, longMessage, textWithCutEmoji, ucs2, WAYS } from './long-messages.ts'
import type { PeerPdu } from './peer-process.ts'
import { ALPHANUMERIC, hexOf, octetsOf, type Stage, short } from './stage.ts'

const ROK = 0
const RINVPASWD = 0x0e
const RINVSRCADR = 0x0a
const ENROUTE = 1
const IN_AN_HOUR = '000000010000000R'
const RECEIPTED_MESSAGE_ID = 0x001e
const MESSAGE_STATE = 0x0427

/** The partner's side: binds, submits of every kind, commands, receipts, unbind and reconnection. */
export function describePartner(stage: Stage): void {
  test.each(['transceiver', 'transmitter', 'receiver'])('binds as %s', async (how) => {
    const response = await stage.bind(`bind_${how}`)
    expect(response).toMatchObject({ command: `bind_${how}_resp`, command_status: ROK })
    expect(response.fields.system_id).toBe('linehaul')
  })

  test('with a wrong password is refused', async () => {
    const response = await stage.bind(undefined, 'wrong')
    expect(response.command_status).toBe(RINVPASWD)
  })

  test('sends a short text, whose id the API knows', async () => {
    const to = stage.recipient()
    const text = 'Grüße: {5 €}'
    const { octets } = gsm7(text)
    const message = short({ short_message: octets.toString('hex') })
    await stage.bound()
    const [id = ''] = await stage.submit(to, message)
    expect(textOnAir((await stage.atCarrier(to)).map(octetsOf), 'gsm7')).toBe(text)
    expect(await stage.gateway.api.message(id)).toMatchObject({ id, text, from: 'ACME' })
  })

  test.each(WAYS)('sends long texts in the way %s to carriers of every way', async (way) => {
    await stage.bound()
    for (const [index, carrier] of WAYS.entries()) {
      const to = stage.recipient(carrier)
      const parts = longMessage('submit_sm', way, gsm7(LONG_TEXT), 0x2100 + index)
      expect(parts.length).toBe(way === 'payload' ? 1 : 3)
      await stage.submit(to, ...parts)
      const arriving = carrier === 'payload' && way === 'payload' ? 1 : 3
      const pdus = await stage.atCarrier(to, arriving)
      expect(textOnAir(pdus.map(octetsOf), 'gsm7')).toBe(LONG_TEXT)
    }
  })

  test.each(WAYS)('sends UCS-2 with an emoji across two parts in the way %s', async (way) => {
    await stage.bound()
    for (const carrier of WAYS) {
      const to = stage.recipient(carrier)
      const text = textWithCutEmoji(way)
      await stage.submit(to, ...longMessage('submit_sm', way, ucs2(text), 0x3141))
      const pdus = await stage.atCarrier(to, carrier === 'payload' && way === 'payload' ? 1 : 2)
      expect(pdus.map(({ fields }) => fields.data_coding)).toEqual(pdus.map(() => 8))
      // Parts go on as they came; what we split ourselves is whole in each part.
      if (way === 'payload') expect(textOnAir(pdus.map(octetsOf), 'gsm7')).toBe(text)
      else expect(textOfJoined(pdus.map(octetsOf), 'gsm7')).toBe(text)
    }
  })

  test('sends octets with a header of its own, and flash', async () => {
    await stage.bound()
    const to = stage.recipient()
    const octets = Buffer.from('0605040b8423f000ff80', 'hex').toString('hex')
    await stage.submit(to, short({ esm_class: 0x40, data_coding: 4, short_message: octets }))
    const [binary] = await stage.atCarrier(to)
    expect(binary?.fields).toMatchObject({ esm_class: 0x40, data_coding: 4 })
    expect(octetsOf(binary).shortMessage.toString('hex')).toBe(octets)
    for (const data_coding of [0x10, 0x18, 0xf0]) {
      const flashTo = stage.recipient()
      const encoded = data_coding === 0x18 ? ucs2('вспышка') : gsm7('flash')
      const short_message = encoded.octets.toString('hex')
      await stage.submit(flashTo, short({ data_coding, short_message }))
      const [flash] = await stage.atCarrier(flashTo)
      expect(flash?.fields).toMatchObject({ data_coding })
      expect(octetsOf(flash).shortMessage).toEqual(encoded.octets)
    }
  })

  test.each([
    ['DELIVRD', 'delivered', 2],
    ['UNDELIV', 'undelivered', 5],
    ['EXPIRED', 'expired', 3],
  ])('gets a receipt for %s', async (stat, status, state) => {
    await stage.bound()
    const to = stage.recipient()
    const [id = ''] = await stage.submit(to, short())
    const [submitted] = await stage.atCarrier(to)
    await stage.sendReceipt(submitted as PeerPdu, stat)
    const [receipt] = await stage.delivered(to, 1)
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
    expect(await stage.gateway.api.settled(id)).toMatchObject({ status })
    expect(tlvs.get(MESSAGE_STATE)).toEqual(Buffer.from([state]))
  })

  test('hears what happens on the way, then the end', async () => {
    await stage.bound()
    const to = stage.recipient()
    await stage.submit(to, short({ registered_delivery: 0x11 }))
    const [submitted] = await stage.atCarrier(to)
    await stage.sendReceipt(submitted as PeerPdu, 'ENROUTE', { esm_class: 0x20 })
    await stage.delivered(to, 1)
    await stage.sendReceipt(submitted as PeerPdu, 'DELIVRD')
    const receipts = await stage.delivered(to, 2)
    expect(receipts.map(({ fields }) => fields.esm_class)).toEqual([0x20, 0x04])
  })

  test('asks with query_sm, replace_sm and cancel_sm', async () => {
    await stage.bound()
    const to = stage.recipient()
    const [message_id = ''] = await stage.submit(to, short({ schedule_delivery_time: IN_AN_HOUR }))
    const fields = { message_id, ...ALPHANUMERIC }
    const query = () => stage.esme.request({ command: 'query_sm', fields })
    expect((await query()).fields).toMatchObject({ message_id, message_state: ENROUTE })
    const other = { ...fields, registered_delivery: 1, short_message: hexOf('another') }
    expect(await stage.esme.request({ command: 'replace_sm', fields: other })).toMatchObject({
      command: 'replace_sm_resp',
      command_status: ROK,
    })
    expect(await stage.gateway.api.message(message_id)).toMatchObject({ text: 'another' })
    const foreign = { ...fields, source_addr: 'OTHER' }
    expect(await stage.esme.request({ command: 'query_sm', fields: foreign })).toMatchObject({
      command_status: RINVSRCADR,
    })
    const addresses = { dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: to }
    const canceled = await stage.esme.request({
      command: 'cancel_sm',
      fields: { ...fields, ...addresses },
    })
    expect(canceled).toMatchObject({ command: 'cancel_sm_resp', command_status: ROK })
    expect((await query()).fields).toMatchObject({ message_id, message_state: 4 })
  })

  test('sends to several with submit_multi, and with data_sm', async () => {
    await stage.bound()
    const to = [stage.recipient(), '12', stage.recipient('sar')]
    const multi = await stage.esme.request({
      command: 'submit_multi',
      fields: { ...ALPHANUMERIC, destination_addr: to, short_message: hexOf('hello all') },
    })
    expect(multi).toMatchObject({ command: 'submit_multi_resp', command_status: ROK })
    const refused = multi.octets.subarray(multi.octets.indexOf(0, 16) + 1)
    expect(refused.toString('latin1')).toBe('\x01\x01\x0112\0\0\0\0\x0b')
    await stage.atCarrier(String(to[0]))
    await stage.atCarrier(String(to[2]))
    const dataTo = stage.recipient()
    await stage.submit(dataTo, {
      command: 'data_sm',
      fields: { esm_class: 0, data_coding: 0 },
      tlvs: { message_payload: hexOf('by data') },
    })
    expect(textOnAir((await stage.atCarrier(dataTo)).map(octetsOf), 'gsm7')).toBe('by data')
  })

  test('enquire_link is answered on both sides', async () => {
    await stage.bound()
    const answer = await stage.esme.request({ command: 'enquire_link' })
    expect(answer).toMatchObject({ command: 'enquire_link_resp', command_status: ROK })
    // Ours, after two seconds of silence; the session outlives its answer.
    await stage.esme.until(() => stage.esme.all('enquire_link').length === 1)
    await stage.submit(stage.recipient(), short())
  })

  test('unbinds, comes back, and gets what was told meanwhile', async () => {
    await stage.bound()
    const to = stage.recipient()
    const [id = ''] = await stage.submit(to, short())
    expect(await stage.esme.request({ command: 'unbind' })).toMatchObject({
      command: 'unbind_resp',
      command_status: ROK,
    })
    await stage.esme.until(() => stage.esme.connections.some(({ kind }) => kind === 'closed'))
    const [submitted] = await stage.atCarrier(to)
    await stage.sendReceipt(submitted as PeerPdu, 'DELIVRD')
    await stage.gateway.api.settled(id)
    expect(stage.esme.all('deliver_sm')).toEqual([])
    await stage.bind()
    const [receipt] = await stage.delivered(to, 1)
    expect(octetsOf(receipt).shortMessage.toString('latin1')).toContain(id)
  })

  test('loses its connection, comes back, and gets what was told meanwhile', async () => {
    await stage.bound()
    const to = stage.recipient()
    await stage.submit(to, short())
    await stage.esme.drop()
    const [submitted] = await stage.atCarrier(to)
    await stage.sendReceipt(submitted as PeerPdu, 'DELIVRD')
    await stage.bind()
    await stage.delivered(to, 1)
  })
}
