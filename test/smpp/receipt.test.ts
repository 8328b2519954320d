import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodePdu, encodePdu } from '../../src/smpp/codec.ts'
import { SmppError } from '../../src/smpp/errors.ts'
import type { DataSm, DeliverSm, PduInput, Tlv } from '../../src/smpp/pdu.ts'
import {
  deliveryKind,
  parseReceipt,
  type Receipt,
  type ReceiptOptions,
  receiptIds,
} from '../../src/smpp/receipt.ts'
import { parseReceiptDate } from '../../src/smpp/receipt-date.ts'
import { formatReceipt, type ReceiptFields } from '../../src/smpp/receipt-format.ts'
import { type MessageState, STATES, stateOfStat } from '../../src/smpp/receipt-state.ts'
import { intTlv, octetsTlv, stringTlv } from '../../src/smpp/tlv.ts'
import { readVectors } from './vectors.ts'

interface ReceiptVector {
  name: string
  input: {
    command: 'deliver_sm' | 'data_sm'
    esm_class: number
    data_coding: number
    short_message_hex?: string
    message_payload_hex?: string
    tlvs: {
      receipted_message_id?: string
      message_state?: number
      network_error_code_hex?: string
    }
  }
  expect: Record<string, unknown> & { isReceipt: boolean; kind?: string }
  options?: ReceiptOptions
  heuristic?: boolean
  altText?: string
  ignore?: string[]
}

const { cases } = readVectors<{ cases: ReceiptVector[] }>('dlr.json')

function pduOf({ input }: ReceiptVector): DeliverSm | DataSm {
  const tlvs: Tlv[] = []
  if (input.tlvs.receipted_message_id !== undefined) {
    tlvs.push(stringTlv('receipted_message_id', input.tlvs.receipted_message_id))
  }
  if (input.tlvs.message_state !== undefined) {
    tlvs.push(intTlv('message_state', input.tlvs.message_state))
  }
  if (input.tlvs.network_error_code_hex !== undefined) {
    const value = Buffer.from(input.tlvs.network_error_code_hex, 'hex')
    tlvs.push(octetsTlv('network_error_code', value))
  }
  if (input.message_payload_hex !== undefined) {
    tlvs.push(octetsTlv('message_payload', Buffer.from(input.message_payload_hex, 'hex')))
  }
  const { command, esm_class, data_coding } = input
  const fields =
    command === 'data_sm'
      ? { command, esm_class, data_coding, tlvs }
      : {
          command,
          esm_class,
          data_coding,
          tlvs,
          short_message: Buffer.from(input.short_message_hex ?? '', 'hex'),
        }
  return decodePdu(encodePdu(fields)) as DeliverSm | DataSm
}

function deliver(text: string | Buffer, fields: Partial<DeliverSm> = {}): DeliverSm {
  const octets = typeof text === 'string' ? Buffer.from(text, 'latin1') : text
  return decodePdu(
    encodePdu({ command: 'deliver_sm', esm_class: 4, short_message: octets, ...fields }),
  ) as DeliverSm
}

function parse(text: string | Buffer, fields?: Partial<DeliverSm>, options?: ReceiptOptions) {
  const receipt = parseReceipt(deliver(text, fields), options)
  if (receipt === undefined) throw new Error('not taken for a receipt')
  return receipt
}

describe('the receipt vectors', () => {
  for (const vector of cases) {
    it(vector.name, () => {
      const options = { heuristic: vector.heuristic === true, ...vector.options }
      const receipt = parseReceipt(pduOf(vector), options)
      const { isReceipt, kind, ...expected } = vector.expect
      if (kind !== undefined) expect(deliveryKind(vector.input.esm_class)).toBe(kind)
      expect(receipt !== undefined).toBe(isReceipt)
      if (receipt === undefined) return
      for (const name of vector.ignore ?? []) delete expected[name]
      if (vector.altText !== undefined) {
        expect([expected.text, vector.altText]).toContain(receipt.text)
        delete expected.text
      }
      expect(receipt).toMatchObject(expected)
      if (!('textId' in expected)) expect(receipt.textId).toBeNull()
    })
  }

  it('are receipts without the option unless it is the text alone that says so', () => {
    for (const vector of cases.filter(({ expect: { isReceipt } }) => isReceipt)) {
      const textOnly = vector.input.esm_class === 0 && vector.input.tlvs.message_state === undefined
      expect(parseReceipt(pduOf(vector)) === undefined).toBe(textOnly)
    }
  })
})

describe('parseReceipt', () => {
  it('looks at the type bits alone', () => {
    expect([0x00, 0x40, 0x80, 0x03, 0x0c, 0x24].map(deliveryKind)).toEqual(Array(6).fill('message'))
    expect([0x04, 0x44, 0x84, 0x07].map(deliveryKind)).toEqual(Array(4).fill('receipt'))
    expect([0x20, 0x60].map(deliveryKind)).toEqual(['intermediate', 'intermediate'])
    expect([0x08, 0x10, 0x18].map(deliveryKind)).toEqual([
      'sme-ack',
      'sme-ack',
      'conversation-abort',
    ])
  })

  it('never makes an intermediate notification final', () => {
    expect(parse('id:1 stat:DELIVRD', { esm_class: 0x20 })).toMatchObject({
      state: 'DELIVERED',
      final: false,
      intermediate: true,
    })
  })

  it('strips a user data header', () => {
    const text = Buffer.from('\x05\x00\x03\x07\x01\x01id:1 stat:DELIVRD', 'latin1')
    expect(parse(text, { esm_class: 0x44 })).toMatchObject({ id: '1', state: 'DELIVERED' })
  })

  it('keeps a subscriber who types a receipt out, unless told otherwise', () => {
    const typed = 'id:1 done date:2401151031 stat:DELIVRD'
    expect(parseReceipt(deliver(typed, { esm_class: 0 }))).toBeUndefined()
    const options = { heuristic: true }
    expect(parse(typed, { esm_class: 0 }, options)).toMatchObject({ heuristic: true, id: '1' })
    const other = deliver('my id:1 done date:2401151031 stat:DELIVRD', { esm_class: 0 })
    expect(parseReceipt(other, options)).toBeUndefined()
    expect(parseReceipt(deliver('id:1 stat:DELIVRD', { esm_class: 0 }), options)).toBeUndefined()
  })

  it('reads the variants of the field', () => {
    expect(parse('id:1;sub:001,stat:2')).toMatchObject({ id: '1', sub: '001', state: 'DELIVERED' })
    expect(parse('id:1 submit_date:2401151030 donedate:2401151031 stat:FAILED')).toMatchObject({
      submitDate: '2401151030',
      doneDate: '2401151031',
      state: 'UNDELIVERABLE',
    })
    expect(parse('id:1 stat:DELIVRD err: text:x')).toMatchObject({ err: '', text: 'x' })
    expect(parse('id:1 err: stat:DELIVRD')).toMatchObject({ err: '', stat: 'DELIVRD' })
    expect(parse('junk, msg id:1 stat:DELIVRD IMSI:240080123 MCCMNC:24008')).toMatchObject({
      id: '1',
      stat: 'DELIVRD',
    })
    expect(parse('id:1 text:hello stat:EXPIRED')).toMatchObject({
      state: 'EXPIRED',
      text: 'hello stat:EXPIRED',
    })
    expect(parse('id:1 id:2 stat:EXPIRED stat:DELIVRD')).toMatchObject({
      id: '1',
      state: 'EXPIRED',
    })
    expect(parse('valid:9 id:1 stat:DELIVRD').id).toBe('1')
    expect(parse('id: stat:')).toMatchObject({ id: null, state: null, final: null })
  })

  it('reads the text of Appendix B as it reads any other', () => {
    const odd = ['', 'sub', 'text', 'id:', 'err:1', 'text:', 'a,b', ';', 'a\u00a0b', 'a\0b', ' a']
    const value = fc.oneof(
      { weight: 12, arbitrary: fc.stringMatching(/^[\w./+-]{1,10}$/) },
      { weight: 1, arbitrary: fc.constantFrom(...odd) },
    )
    const tail = fc.constantFrom('', ' ', ' text:', ' Text:Hi stat:X', ' text', ' x text:y', '\0')
    const isUpper = fc.boolean()
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 7, maxLength: 7 }),
        tail,
        isUpper,
        (v, end, upper) => {
          const keys = ['id', 'sub', 'dlvrd', 'submit date', 'done date', 'stat', 'err']
          const pairs = keys.map((key, index) => `${upper ? key.toUpperCase() : key}:${v[index]}`)
          const text = pairs.join(' ') + end
          // A blank in front means nothing, but is not by the book.
          expect(parse(text)).toEqual(parse(` ${text}`))
        },
      ),
    )
  })

  it('falls back to the text for a message_state beyond the list', () => {
    const tlvs = [intTlv('message_state', 200)]
    expect(parse('id:1 stat:EXPIRED', { tlvs }).state).toBe('EXPIRED')
    expect(parse('', { tlvs })).toMatchObject({ id: null, state: null, final: null })
  })

  it('reads ASCII under data_coding 8, a byte order mark, and little-endian', () => {
    const text = 'id:ab1 stat:DELIVRD text:Ж'
    expect(parse('id:ab1 stat:DELIVRD', { data_coding: 8 })).toMatchObject({ id: 'ab1' })
    const little = Buffer.from(`\ufeff${text}`, 'utf16le')
    const big = Buffer.from(little).swap16()
    const bare = Buffer.from(text, 'utf16le').swap16()
    for (const octets of [little, big, bare]) {
      expect(parse(octets, { data_coding: 8 })).toMatchObject({ id: 'ab1', text: 'Ж' })
    }
  })

  it('hands the octets of the text, and only those, to the caller’s alphabet', () => {
    const decodeText = (octets: Buffer, coding: number) => `${coding}:${octets.toString('hex')}`
    const receipt = parse('id:a_1 stat:DELIVRD text:\x00\x11b', { data_coding: 0 }, { decodeText })
    expect(receipt).toMatchObject({ id: 'a_1', text: '0:001162' })
    const wide = Buffer.from('id:1 text:Ж', 'utf16le').swap16()
    expect(parse(wide, { data_coding: 8 }, { decodeText }).text).toBe('8:0416')
  })

  it('names both ids', () => {
    const tlvs = [stringTlv('receipted_message_id', '4b71c2e')]
    expect(receiptIds(parse('id:0079109166 stat:DELIVRD', { tlvs }))).toEqual([
      '4b71c2e',
      '0079109166',
    ])
    expect(receiptIds(parse('nothing'))).toEqual([])
  })

  it('stays quick on hostile texts', () => {
    const payloads = ['\0'.repeat(65_000), 'id:'.repeat(21_000), ' '.repeat(65_000), 'text:\0\0x']
    for (const text of payloads) {
      const tlvs = [octetsTlv('message_payload', Buffer.from(`${text}x`, 'latin1'))]
      expect(parse('', { tlvs }).state).toBeNull()
    }
  })

  it('gives a receipt for any octets that are marked as one', () => {
    const esm = fc.constantFrom(0x04, 0x44, 0x20)
    const coding = fc.constantFrom(0, 3, 8, 0x18, 0xe0, 0xf5)
    fc.assert(
      fc.property(
        esm,
        coding,
        fc.uint8Array({ maxLength: 254 }),
        (esm_class, data_coding, octets) => {
          expect(parse(Buffer.from(octets), { esm_class, data_coding })).toHaveProperty('id')
        },
      ),
    )
  })

  it('gives a receipt for any vector with octets changed', () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }))
    fc.assert(
      fc.property(
        fc.constantFrom(...cases),
        fc.array(change, { minLength: 1, maxLength: 6 }),
        (vector, changes) => {
          const octets = Buffer.from(vector.input.short_message_hex ?? '00', 'hex')
          for (const [place, octet] of changes) octets[place % octets.length] = octet
          expect(parse(octets, { data_coding: vector.input.data_coding })).toHaveProperty('state')
        },
      ),
    )
  })
})

describe('parseReceiptDate', () => {
  it('reads every form', () => {
    const read = (text: string, offset = 0) => parseReceiptDate(text, offset)?.at.toISOString()
    expect(read('2401151030')).toBe('2024-01-15T10:30:00.000Z')
    expect(read('2401151030', 480)).toBe('2024-01-15T02:30:00.000Z')
    expect(read('240115103059')).toBe('2024-01-15T10:30:59.000Z')
    expect(read('202401151030')).toBe('2024-01-15T10:30:00.000Z')
    expect(read('20240115103059')).toBe('2024-01-15T10:30:59.000Z')
    expect(read('240115103059004+', 480)).toBe('2024-01-15T09:30:59.000Z')
    expect(read('24011510305904+', 480)).toBe('2024-01-15T09:30:59.000Z')
    expect(parseReceiptDate('240115103059004-', 0)).toMatchObject({
      local: '2024-01-15T10:30:59',
      offsetMinutes: -60,
    })
  })

  it('gives null for what is no date', () => {
    const wrong = ['', '0', '0000000000', '00000000000000', '2413011030', '2402301030', '24011510']
    for (const text of [...wrong, '...', '24-01-15', '000001000000000R', '00010101000000', null]) {
      expect(parseReceiptDate(text, 0)).toBeNull()
    }
  })
})

describe('states', () => {
  it('has a word and a number each, and is read back by both', () => {
    for (const [name, { stat, number }] of Object.entries(STATES)) {
      expect(stat).toHaveLength(7)
      expect(stateOfStat(stat.toLowerCase())).toBe(name)
      expect(stateOfStat(String(number))).toBe(name)
    }
    expect(stateOfStat('44')).toBe('UNKNOWN')
  })
})

describe('formatReceipt', () => {
  const fields: ReceiptFields = {
    id: '0190a1b2-7c3d',
    state: 'DELIVERED',
    submittedAt: new Date('2024-01-15T10:30:59Z'),
    doneAt: new Date('2024-01-15T10:31:00Z'),
    text: 'Привет 😀\nand more than twenty',
  }

  it('writes every field of Appendix B', () => {
    const { short_message, tlvs, ...rest } = formatReceipt(fields, 0x34)
    expect(short_message.toString('latin1')).toBe(
      'id:0190a1b2-7c3d sub:001 dlvrd:001 submit date:2401151030 done date:2401151031 ' +
        'stat:DELIVRD err:000 text:?????? ? and more th',
    )
    expect(rest).toEqual({ esm_class: 4, data_coding: 0 })
    expect(tlvs).toEqual([stringTlv('receipted_message_id', fields.id), intTlv('message_state', 2)])
  })

  it('leaves the TLVs out for v3.3, and marks notifications', () => {
    expect(formatReceipt(fields, 0x33).tlvs).toEqual([])
    expect(formatReceipt({ ...fields, intermediate: true }, 0x34).esm_class).toBe(0x20)
  })

  it('refuses an id, an error code and a network error that cannot be written', () => {
    const wrong: Partial<ReceiptFields>[] = [
      { id: '' },
      { id: 'x'.repeat(65) },
      { id: 'a b' },
      { id: 'ü' },
      { errorCode: 1000 },
      { errorCode: -1 },
      { networkError: { type: 3, code: 65_536 } },
    ]
    for (const change of wrong) {
      expect(() => formatReceipt({ ...fields, ...change }, 0x34)).toThrow(SmppError)
    }
  })

  it('is read back as it was written', () => {
    const minutes = fc.integer({ min: 28_000_000, max: 34_000_000 })
    fc.assert(
      fc.property(
        fc.stringMatching(/^[!-+\--:<-~]{1,64}$/),
        fc.constantFrom(...(Object.keys(STATES) as MessageState[])),
        minutes,
        minutes,
        fc.integer({ min: 0, max: 999 }),
        fc.string({ maxLength: 40 }),
        (id, state, submitted, done, errorCode, text) => {
          fc.pre(!/(?:id|sub|dlvrd|date|stat|err|text):/i.test(id))
          const written = formatReceipt(
            {
              id,
              state,
              submittedAt: new Date(submitted * 60_000),
              doneAt: new Date(done * 60_000),
              errorCode,
              text,
              networkError: { type: 3, code: errorCode },
            },
            0x34,
          )
          const pdu: PduInput = { command: 'deliver_sm', ...written }
          const receipt = parseReceipt(decodePdu(encodePdu(pdu)) as DeliverSm) as Receipt
          expect(receipt).toMatchObject({
            id,
            textId: null,
            state,
            stat: STATES[state].stat,
            final: STATES[state].final,
            err: String(errorCode).padStart(3, '0'),
            networkError: { type: 3, code: errorCode },
          })
          expect(receipt.submit?.at.getTime()).toBe(submitted * 60_000)
          expect(receipt.done?.at.getTime()).toBe(done * 60_000)
        },
      ),
    )
  })
})

describe('what a carrier means', () => {
  const text =
    'id:123 sub:001 dlvrd:000 submit date:2401151030 done date:2401151031 stat:ACCEPTD err:000'
  const tlvs = [stringTlv('receipted_message_id', '7b'), intTlv('message_state', 6)]
  const receipt = (options: ReceiptOptions, more: Partial<DeliverSm> = {}) =>
    parseReceipt(deliver(text, { esm_class: 0x04, ...more }), options)

  it.each([
    ['both', '7b', '123'],
    ['tlv', '7b', null],
    ['text', '123', null],
  ] as const)('takes the id from %s', (idFrom, id, textId) => {
    expect(receipt({ idFrom }, { tlvs })).toMatchObject({ id, textId })
  })

  it('has no id where it is not where the carrier has it', () => {
    expect(receipt({ idFrom: 'tlv' })).toMatchObject({ id: null, textId: null })
  })

  it.each([
    ['ACCEPTD', []],
    ['ACCEPTD', tlvs],
    ['6', tlvs],
  ] as const)('reads %s as the carrier means it', (word, more) => {
    const states = new Map<string, MessageState>([[word, 'DELIVERED']])
    expect(receipt({ states }, { tlvs: more })).toMatchObject({ state: 'DELIVERED', final: true })
    expect(receipt({}, { tlvs: more })).toMatchObject({ state: 'ACCEPTED', final: false })
  })
})
