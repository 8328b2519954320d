import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodePdu, encodePdu } from '../../src/smpp/codec.ts'
import { maskPdu } from '../../src/smpp/mask.ts'
import type { PduInput } from '../../src/smpp/pdu.ts'
import { findTlv, intTlv, octetsTlv, stringTlv, TlvTag } from '../../src/smpp/tlv.ts'
import { anyPdu } from './arbitraries.ts'

function masked(pdu: PduInput, showTexts = false): Buffer {
  return maskPdu({ octets: encodePdu(pdu), isPdu: true }, { showTexts })
}

const BIND: PduInput = {
  command: 'bind_transceiver',
  system_id: 'partner1',
  password: 'secret08',
  system_type: 'SMPP',
}
const SUBMIT = {
  command: 'submit_sm',
  source_addr: 'Linehaul',
  destination_addr: '447700900123',
} as const
const RECEIPT =
  'id:c449ab9744f47b6af1879e49e75e4f40 sub:001 dlvrd:001 submit date:2601010000 ' +
  'done date:2601010001 stat:DELIVRD err:000 text:your id: 4711'

describe('passwords', () => {
  test.each([false, true])('are hidden with showTexts %s, and nothing else of a bind', (shown) => {
    expect(decodePdu(masked(BIND, shown))).toMatchObject({ ...BIND, password: '********' })
    const outbind: PduInput = { command: 'outbind', system_id: 'smsc', password: 'pw' }
    expect(decodePdu(masked(outbind, shown))).toMatchObject({ ...outbind, password: '**' })
  })

  test.each([
    ['the NULs are missing', Buffer.from('partner1secret08')],
    ['the last NUL is missing', Buffer.from('partner1\0secret08')],
    ['the rest is missing', Buffer.from('partner1\0secret08\0SM')],
    ['nothing follows', Buffer.from('partner1\0secr')],
  ])('of a broken bind are hidden too: %s', (_name, body) => {
    const octets = encodePdu({ command: 'unbind' })
    octets.writeUInt32BE(9, 4)
    for (const isPdu of [true, false]) {
      const result = maskPdu({ octets: Buffer.concat([octets, body]), isPdu }, { showTexts: true })
      expect(result).toHaveLength(16 + body.length)
      expect(result.toString('latin1')).not.toContain('secr')
    }
  })

  test('are hidden in octets that are no PDU: a bind out of place, an HTTP request', () => {
    const bind = Buffer.concat([Buffer.from('\0\0'), encodePdu(BIND)])
    const hide = (octets: Buffer) => maskPdu({ octets, isPdu: false }, { showTexts: true })
    expect(hide(bind).toString('latin1')).not.toContain('secret08')
    const request =
      'POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key-1\r\nCookie: a=b\r\n\r\n'
    const stars = hide(Buffer.from(request)).toString()
    expect(stars).toMatch(
      /^POST \/ HTTP\/1.1\r\nHost: x\r\nAuthorization:\*+\r\nCookie:\*+\r\n\r\n$/,
    )
    expect(stars).toHaveLength(request.length)
  })
})

describe('texts and numbers', () => {
  test('each octet of a text becomes a star, of a number five digits stay', () => {
    const pdu = decodePdu(masked({ ...SUBMIT, short_message: Buffer.from('Your code is 4711') }))
    expect(pdu).toMatchObject({
      source_addr: 'Linehaul',
      destination_addr: '44770*******',
      short_message: Buffer.from('*'.repeat(17)),
    })
  })

  test('with showTexts all of it stays', () => {
    const pdu = { ...SUBMIT, short_message: Buffer.from('Your code is 4711') }
    expect(masked(pdu, true)).toEqual(encodePdu(pdu))
  })

  test('a text in message_payload; in UCS-2 the stars are UCS-2', () => {
    const tlvs = [
      intTlv('user_message_reference', 7),
      octetsTlv('message_payload', Buffer.from('\0H\0i')),
    ]
    const pdu = decodePdu(masked({ ...SUBMIT, data_coding: 8, tlvs }))
    expect(findTlv(pdu.tlvs, TlvTag.message_payload)).toEqual(Buffer.from('\0*\0*'))
    expect(findTlv(pdu.tlvs, TlvTag.user_message_reference)).toEqual(Buffer.from([0, 7]))
  })

  test.each([
    ['concatenation, kept', '0500030a0201', '0500030a0201'],
    ['ports and a language, kept', '0905040b8423f0240101', '0905040b8423f0240101'],
    ['a picture, its content hidden', '0500030a02010a0363', '0500030a02012a2a2a'],
    ['longer than the message', '4f48656c6c6f', '2a2a2a2a2a2a'],
    ['an element longer than the header', '0348656c6c6f', '2a2a2a2a2a2a'],
  ])('of a user data header only what says nothing: %s', (_name, hex, expected) => {
    const short_message = Buffer.concat([Buffer.from(hex, 'hex'), Buffer.from('Text')])
    const pdu = decodePdu(masked({ ...SUBMIT, esm_class: 0x40, short_message }))
    const shown = 'short_message' in pdu ? pdu.short_message.toString('hex') : ''
    expect(shown).toBe(`${expected}2a2a2a2a`)
  })

  test('of a receipt what became of the message, not what it said', () => {
    const pdu: PduInput = {
      command: 'deliver_sm',
      esm_class: 4,
      source_addr: '+447700900123',
      short_message: Buffer.from(RECEIPT),
      tlvs: [stringTlv('receipted_message_id', 'a1')],
    }
    expect(decodePdu(masked(pdu))).toMatchObject({
      source_addr: '+44770*******',
      short_message: Buffer.from(
        'id:c449ab9744f47b6af1879e49e75e4f40*sub:001*dlvrd:001*submit date:2601010000*' +
          'done date:2601010001*stat:DELIVRD*err:000*text:*************',
      ),
      tlvs: [{ tag: TlvTag.receipted_message_id, value: Buffer.from('a1\0') }],
    })
    // A subscriber can write the same, and then it is a text.
    const typed = decodePdu(masked({ ...pdu, esm_class: 0 } as PduInput))
    expect(typed).toMatchObject({ short_message: Buffer.from('*'.repeat(RECEIPT.length)) })
  })

  test('every destination of a submit_multi, and of its response', () => {
    const address = { dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: '447700900123' }
    const hidden = { ...address, destination_addr: '44770*******' }
    const multi = masked({
      command: 'submit_multi',
      dest_address: [address, { dl_name: 'list-1' }, address],
      short_message: Buffer.from('Hi'),
    })
    expect(decodePdu(multi)).toMatchObject({
      dest_address: [hidden, { dl_name: 'list-1' }, hidden],
      short_message: Buffer.from('**'),
    })
    const unsuccess_sme = [{ ...address, error_status_code: 11 }]
    expect(
      decodePdu(masked({ command: 'submit_multi_resp', message_id: 'm', unsuccess_sme })),
    ).toMatchObject({ message_id: 'm', unsuccess_sme: [{ ...hidden, error_status_code: 11 }] })
  })

  test('a text that is longer than sm_length says, or cut', () => {
    const octets = encodePdu({ ...SUBMIT, short_message: Buffer.from('The secret code is 4711') })
    const lengthAt = octets.length - 24
    const tooShort = Buffer.from(octets)
    tooShort[lengthAt] = 3
    const cut = octets.subarray(0, -5)
    for (const broken of [tooShort, cut]) {
      const result = maskPdu({ octets: broken, isPdu: true }, { showTexts: false })
      expect(result.subarray(0, lengthAt + 1).toString('latin1')).toContain('44770*******')
      expect(result.subarray(lengthAt + 1).toString('latin1')).not.toMatch(/secret|4711/)
      expect(result).toHaveLength(broken.length)
    }
  })

  test('the body of a command that nobody knows', () => {
    const octets = Buffer.concat([encodePdu({ command: 'unbind' }), Buffer.from('Text')])
    octets.writeUInt32BE(0x00010203, 4)
    expect(maskPdu({ octets, isPdu: true }, { showTexts: false }).subarray(16).toString()).toBe(
      '****',
    )
  })

  test('the id of a response stays, also where its NUL is missing', () => {
    const octets = encodePdu({ command: 'submit_sm_resp', message_id: 'a1b2' }).subarray(0, -1)
    expect(maskPdu({ octets, isPdu: true }, { showTexts: false })).toEqual(octets)
  })
})

test('any PDU keeps its length and stays decodable, with the same parameters', () => {
  fc.assert(
    fc.property(anyPdu, fc.boolean(), (pdu, showTexts) => {
      const octets = encodePdu(pdu as PduInput)
      const result = maskPdu({ octets, isPdu: true }, { showTexts })
      expect(result).toHaveLength(octets.length)
      const again = decodePdu(result)
      expect(again.command).toBe(pdu.command)
      expect(again.tlvs.map(({ tag, value }) => [tag, value.length])).toEqual(
        pdu.tlvs.map(({ tag, value }) => [tag, value.length]),
      )
    }),
  )
})

test('any octets can be masked', () => {
  const bytes = fc.uint8Array({ minLength: 16, maxLength: 300 })
  fc.assert(
    fc.property(bytes, fc.boolean(), fc.integer({ min: 0, max: 0x21 }), (raw, isPdu, id) => {
      const octets = Buffer.from(raw)
      octets.writeUInt32BE(id, 4)
      expect(maskPdu({ octets, isPdu }, { showTexts: false })).toHaveLength(octets.length)
    }),
  )
})
