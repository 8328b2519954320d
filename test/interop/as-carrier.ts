import { expect, test } from 'vitest'
import { textOfJoined, textOnAir } from '../support/submit-octets.ts'
import { gsm7, LONG_TEXT, longMessage, textWithCutEmoji, ucs2, WAYS } from './long-messages.ts'
import type { PeerPdu } from './peer-process.ts'
import { ALPHANUMERIC, hexOf, octetsOf, type Stage, short } from './stage.ts'

const ROK = 0

/** The carrier's side: submits, messages of handsets, commands, unbind and reconnection. */
export function describeCarrier(stage: Stage): void {
  test.each(WAYS)('gets long texts in the way %s', async (way) => {
    for (const [text, dataCoding] of [
      [LONG_TEXT, 0],
      [textWithCutEmoji(way), 8],
    ] as const) {
      const to = stage.recipient(way)
      await stage.gateway.api.send({ to: `+${to}`, text })
      const count = way === 'payload' ? 1 : dataCoding === 0 ? 3 : 2
      const pdus = await stage.atCarrier(to, count)
      expect(textOnAir(pdus.map(octetsOf), 'gsm7')).toBe(text)
      expect(pdus.map(({ session, fields }) => [session, fields.data_coding])).toEqual(
        pdus.map(() => [way, dataCoding]),
      )
    }
  })

  test.each(WAYS)('sends long messages of handsets in the way %s', async (way) => {
    await stage.bound('bind_receiver')
    for (const [index, encoded] of [gsm7(LONG_TEXT), ucs2(textWithCutEmoji(way))].entries()) {
      const from = stage.recipient()
      const text = index === 0 ? LONG_TEXT : textWithCutEmoji(way)
      const parts = longMessage('deliver_sm', way, encoded, 0x1234 + index)
      await stage.sendMo(from, ...parts)
      expect(await stage.inboundText(from)).toBe(text)
      const pdus = await stage.delivered(from, parts.length)
      expect(textOfJoined(pdus.map(octetsOf), 'gsm7')).toBe(text)
      expect(pdus.map(({ fields }) => fields.source_addr)).toEqual(parts.map(() => from))
    }
  })

  test('sends messages of handsets: short, octets with a header, by data_sm', async () => {
    await stage.bound()
    const [from, other, third] = [stage.recipient(), stage.recipient(), stage.recipient()]
    const { octets } = gsm7('STOP {€}')
    const mo = { command: 'deliver_sm', fields: { short_message: octets.toString('hex') } }
    await stage.sendMo(from, mo)
    expect(await stage.inboundText(from)).toBe('STOP {€}')
    const binary = '0605040b8423f000ff80'
    const fields = { esm_class: 0x40, data_coding: 4, short_message: binary }
    await stage.sendMo(other, { command: 'deliver_sm', fields })
    const tlvs = { message_payload: hexOf('by data') }
    await stage.sendMo(third, {
      command: 'data_sm',
      fields: { data_coding: 0, esm_class: 0 },
      tlvs,
    })
    expect(await stage.inboundText(third)).toBe('by data')
    const pdus = await stage.delivered([from, other, third], 3)
    expect(pdus.map((pdu) => octetsOf(pdu).shortMessage.toString('hex'))).toEqual([
      octets.toString('hex'),
      binary,
      hexOf('by data'),
    ])
    expect(pdus[1]?.fields).toMatchObject({ esm_class: 0x40, data_coding: 4 })
  })

  test('is asked with query_sm and cancel_sm', async () => {
    const to = stage.recipient()
    const id = await stage.gateway.api.send({
      to: `+${to}`,
      text: 'hi',
      traffic_class: 'marketing',
    })
    expect(await stage.gateway.api.settled(id)).toMatchObject({ status: 'delivered' })
    const asked = stage.smsc.all('query_sm').at(-1)
    const [submitted] = await stage.atCarrier(to)
    const number = stage.smsc.all('submit_sm').indexOf(submitted as PeerPdu) + 1
    expect(asked?.fields).toMatchObject({ message_id: `m${number}`, source_addr: 'Linehaul' })
    await stage.bound()
    const otherTo = stage.recipient()
    const [message_id = ''] = await stage.submit(otherTo, short())
    await stage.atCarrier(otherTo)
    await stage.gateway.api.until(message_id, ({ status }) => status === 'sent')
    const response = await stage.esme.request({
      command: 'cancel_sm',
      fields: { message_id, ...ALPHANUMERIC },
    })
    expect(response.command_status).toBe(ROK)
    expect(stage.smsc.all('cancel_sm').at(-1)?.fields).toMatchObject({ destination_addr: otherTo })
  })

  test('enquire_link is answered on both sides', async () => {
    const answer = await stage.smsc.request({ command: 'enquire_link' }, 'udh8')
    expect(answer).toMatchObject({ command: 'enquire_link_resp', command_status: ROK })
    await stage.smsc.until(() =>
      stage.smsc.all('enquire_link').some(({ session }) => session === 'sar'),
    )
  })

  test('unbinds, and later breaks the connection: it is bound again each time', async () => {
    const before = stage.smsc.bounds('udh8')
    const answer = await stage.smsc.request({ command: 'unbind' }, 'udh8')
    expect(answer).toMatchObject({ command: 'unbind_resp', command_status: ROK })
    await stage.smsc.until(() => stage.smsc.bounds('udh8') === before + 1)
    await stage.smsc.drop('udh8')
    await stage.smsc.until(() => stage.smsc.bounds('udh8') === before + 2)
    const to = stage.recipient()
    await stage.bound()
    const [id = ''] = await stage.submit(to, short())
    const [submitted] = await stage.atCarrier(to)
    await stage.sendReceipt(submitted as PeerPdu, 'DELIVRD')
    expect(await stage.gateway.api.settled(id)).toMatchObject({ status: 'delivered' })
  })
}
