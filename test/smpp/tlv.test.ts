import { describe, expect, it } from 'vitest'
import { SmppError } from '../../src/smpp/errors.ts'
import type { Tlv } from '../../src/smpp/pdu.ts'
import {
  findTlv,
  findTlvs,
  intTlv,
  octetsTlv,
  readTlvs,
  stringTlv,
  TlvTag,
  tlvInt,
  tlvSpec,
  tlvString,
} from '../../src/smpp/tlv.ts'
import { readVectors } from './vectors.ts'

const { tlvs } = readVectors<{
  tlvs: { tag: string; name: string; type: string; length: string }[]
}>('tlvs.json')
const TYPES: Record<string, string> = { int: 'int', 'C-octet': 'cstring', octets: 'octets' }

function tlv(tag: number, hex: string): Tlv {
  return { tag, value: Buffer.from(hex, 'hex') }
}

describe('the TLV table', () => {
  for (const { tag, name, type, length } of tlvs) {
    it(`${tag} is ${name}`, () => {
      const spec = tlvSpec(Number(tag))
      expect(spec).toMatchObject({ tag: Number(tag), name, type: TYPES[type] })
      expect(TlvTag).toHaveProperty(name, Number(tag))
      const plain = /^(\d+)(?:-(\d+))?$/.exec(length)
      if (plain !== null) {
        expect(spec?.minOctets).toBe(Number(plain[1]))
        expect(spec?.maxOctets).toBe(Number(plain[2] ?? plain[1]))
      }
    })
  }

  it('covers both versions where they differ, and nothing else', () => {
    expect(tlvSpec(TlvTag.ms_validity)).toMatchObject({ minOctets: 1, maxOctets: 4 })
    expect(tlvSpec(TlvTag.alert_on_message_delivery)).toMatchObject({ minOctets: 0, maxOctets: 1 })
    expect(Object.keys(TlvTag)).toHaveLength(tlvs.length)
    expect(tlvSpec(0x1400)).toBeUndefined()
  })
})

describe('reading TLVs', () => {
  it('finds the first, or all of a tag', () => {
    const list = [tlv(0x381, '01'), tlv(0x1400, '02'), tlv(0x381, '03')]
    expect(findTlv(list, 0x381)?.toString('hex')).toBe('01')
    expect(findTlvs(list, 0x381).map((value) => value.toString('hex'))).toEqual(['01', '03'])
    expect(findTlv(list, 0x424)).toBeUndefined()
  })

  it('reads integers in the width that came', () => {
    expect(tlvInt([tlv(0x427, '02')], 0x427)).toBe(2)
    expect(tlvInt([tlv(0x427, '00000002')], 0x427)).toBe(2)
    expect(tlvInt([tlv(0x17, 'ffffffff')], 0x17)).toBe(0xffffffff)
    expect(tlvInt([tlv(0x427, '')], 0x427)).toBeUndefined()
    expect(tlvInt([tlv(0x427, '0000000002')], 0x427)).toBeUndefined()
    expect(tlvInt([], 0x427)).toBeUndefined()
  })

  it('reads strings with and without their NUL', () => {
    expect(tlvString([tlv(0x1e, '616200')], 0x1e)).toBe('ab')
    expect(tlvString([tlv(0x1e, '6162')], 0x1e)).toBe('ab')
    expect(tlvString([tlv(0x1e, '61620063')], 0x1e)).toBe('ab')
    expect(tlvString([tlv(0x1e, '')], 0x1e)).toBe('')
    expect(tlvString([], 0x1e)).toBeUndefined()
  })

  it('keeps unknown and repeated parameters in order', () => {
    const octets = Buffer.from('96ec000101002b0000002b0001ff', 'hex')
    expect(readTlvs(octets, 0, 0)).toEqual([tlv(0x96ec, '01'), tlv(0x2b, ''), tlv(0x2b, 'ff')])
  })
})

describe('making TLVs', () => {
  it('writes integers in the width of the specification', () => {
    expect(intTlv('message_state', 2)).toEqual(tlv(0x427, '02'))
    expect(intTlv('sar_msg_ref_num', 0x1234)).toEqual(tlv(0x20c, '1234'))
    expect(intTlv('qos_time_to_live', 0xffffffff)).toEqual(tlv(0x17, 'ffffffff'))
  })

  it('writes strings with their NUL, and octets as they are', () => {
    expect(stringTlv('receipted_message_id', 'ab')).toEqual(tlv(0x1e, '616200'))
    expect(octetsTlv('network_error_code', Buffer.from('03001b', 'hex'))).toEqual(
      tlv(0x423, '03001b'),
    )
    expect(octetsTlv(0x1400, Buffer.from('3131'))).toEqual(tlv(0x1400, '33313331'))
  })

  it('refuses what does not fit', () => {
    const wrong = [
      () => intTlv('message_state', 256),
      () => intTlv('message_state', -1),
      () => intTlv('message_state', 0.5),
      () => intTlv('message_payload', 1),
      () => stringTlv('receipted_message_id', 'x'.repeat(65)),
      () => stringTlv('receipted_message_id', 'a\0'),
      () => stringTlv('receipted_message_id', '€'),
      () => stringTlv('message_payload', 'x'),
      () => octetsTlv('network_error_code', Buffer.alloc(2)),
      () => octetsTlv(0x1400, Buffer.alloc(65_536)),
      () => octetsTlv(-1, Buffer.alloc(0)),
    ]
    for (const make of wrong) expect(make).toThrow(SmppError)
  })
})
