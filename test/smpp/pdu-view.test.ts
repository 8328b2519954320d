import { expect, test } from 'vitest'
import { encodePdu } from '../../src/smpp/codec.ts'
import type { PduInput } from '../../src/smpp/pdu.ts'
import type { RecordedPdu } from '../../src/smpp/pdu-ring.ts'
import { viewPdu } from '../../src/smpp/pdu-view.ts'
import { intTlv, octetsTlv, stringTlv } from '../../src/smpp/tlv.ts'

function recorded(octets: Buffer, more: Partial<RecordedPdu> = {}): RecordedPdu {
  return {
    number: 3,
    at: 1_700_000_000_000,
    isSent: true,
    isPdu: true,
    octets,
    wireOctets: octets.length,
    streamOffset: 0,
    ...more,
  }
}

const SUBMIT: PduInput = {
  command: 'submit_sm',
  sequence_number: 9,
  destination_addr: '447700900123',
  short_message: Buffer.from('Hi\n'),
  tlvs: [
    intTlv('user_message_reference', 513),
    stringTlv('receipted_message_id', 'a1'),
    octetsTlv(0x1400, Buffer.from([1, 0x41])),
  ],
}

test('a PDU in words: header, fields and parameters by name, octets', () => {
  const octets = encodePdu(SUBMIT)
  expect(viewPdu(recorded(octets), { showTexts: true })).toEqual({
    number: 3,
    at: new Date(1_700_000_000_000),
    direction: 'out',
    command: 'submit_sm',
    command_id: '0x00000004',
    command_status: { code: 0, name: 'ESME_ROK' },
    sequence_number: 9,
    fields: expect.objectContaining({
      destination_addr: '447700900123',
      data_coding: 0,
      short_message: { hex: '48690a', ascii: 'Hi.' },
    }),
    tlvs: [
      { tag: '0x0204', name: 'user_message_reference', value: 513, hex: '0201' },
      { tag: '0x001e', name: 'receipted_message_id', value: 'a1', hex: '613100' },
      { tag: '0x1400', name: null, value: { hex: '0141', ascii: '.A' }, hex: '0141' },
    ],
    error: null,
    octets: octets.length,
    hex: octets.toString('hex'),
  })
})

test('fields and octets are masked alike', () => {
  const view = viewPdu(recorded(encodePdu(SUBMIT)), { showTexts: false })
  expect(view.fields).toMatchObject({
    destination_addr: '44770*******',
    short_message: { hex: '2a2a2a', ascii: '***' },
  })
  expect(Buffer.from(view.hex, 'hex').toString('latin1')).not.toContain('447700900123')
})

test('an unknown status, an unknown command', () => {
  const refused = encodePdu({ command: 'submit_sm_resp', command_status: 0x0401 })
  expect(viewPdu(recorded(refused), { showTexts: false })).toMatchObject({
    command: 'submit_sm_resp',
    command_status: { code: 0x0401, name: '0x00000401' },
    fields: { message_id: '' },
  })
  const unknown = encodePdu({ command: 'unbind' })
  unknown.writeUInt32BE(0x00010203, 4)
  expect(viewPdu(recorded(unknown), { showTexts: false })).toMatchObject({
    command: 'command 0x00010203',
    fields: {},
    error: expect.stringContaining('not supported'),
  })
})

test('what is no PDU, or was cut, says so', () => {
  const probe = recorded(Buffer.from('GET / HTTP/1.1\r\n'), { isPdu: false, isSent: false })
  expect(viewPdu(probe, { showTexts: false })).toMatchObject({
    direction: 'in',
    command: null,
    error: 'not a PDU: GET / HTTP/1.1..',
  })
  const octets = encodePdu(SUBMIT)
  const cut = recorded(octets.subarray(0, 20), { wireOctets: octets.length })
  expect(viewPdu(cut, { showTexts: false })).toMatchObject({
    command: 'submit_sm',
    sequence_number: 9,
    octets: octets.length,
    error: `cut: 20 of ${octets.length} octets were kept`,
  })
})
