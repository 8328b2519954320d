import { describe, expect, it } from 'vitest'
import type { Content, OutboundMessage } from '../../src/carriers/carrier.ts'
import { planFor, segmentsOf } from '../../src/carriers/segments.ts'
import { outcomeOf, receiptOf, submitSm } from '../../src/carriers/smpp-mapping.ts'
import { completeCarrier } from '../../src/config/load.ts'
import type { SmppCarrierConfig } from '../../src/config/smpp-carriers.ts'
import { PLAIN } from '../../src/core/pass-through.ts'
import type { DeliverSm, SubmitSmResp } from '../../src/smpp/pdu.ts'
import { parseReceipt } from '../../src/smpp/receipt.ts'

const NOW = new Date('2026-02-03T04:05:06.700Z')

/** That long after {@link NOW}. */
function later(seconds: number): Date {
  return new Date(NOW.getTime() + seconds * 1_000)
}

function config(more: Partial<SmppCarrierConfig> = {}): SmppCarrierConfig {
  const settings = { host: '127.0.0.1', port: 2775, systemId: 'esme', password: 'secret' }
  return { ...completeCarrier({ name: 'alpha', ...settings, rates: [] }), ...more }
}

function content(text: string, more: Partial<Content> = {}): Content {
  return {
    text,
    raw: null,
    passThrough: null,
    requestedEncoding: 'auto',
    maxSegments: null,
    ...more,
  }
}

function message(text: string, more: Partial<OutboundMessage> = {}): OutboundMessage {
  return {
    ...content(text),
    id: 'id',
    tenantId: 'tenant',
    partner: null,
    from: 'ACME',
    registeredDelivery: 0,
    to: '+447700900123',
    sender: { value: 'ACME', ton: 5, npi: 0 },
    expiresAt: later(600),
    submit: { key: 'id 1', isRepetition: false, mayBeRepeated: false },
    ...more,
  }
}

function pdusOf(settings: SmppCarrierConfig, outbound: OutboundMessage) {
  const planned = planFor(settings, outbound)
  return segmentsOf(settings, outbound, planned, 7).map((segment, index) =>
    submitSm(settings, outbound, segment, index + 1, NOW),
  )
}

function response(commandStatus: number, id = ''): SubmitSmResp {
  return {
    command: 'submit_sm_resp',
    command_status: commandStatus,
    sequence_number: 1,
    message_id: id,
    tlvs: [],
  }
}

/** A receipt with this text, as the carrier's settings make us understand it. */
function understood(settings: SmppCarrierConfig, text: string) {
  const pdu = {
    command: 'deliver_sm',
    esm_class: 0x04,
    data_coding: 0,
    short_message: Buffer.from(text, 'latin1'),
    tlvs: [],
  } as unknown as DeliverSm
  const receipt = parseReceipt(pdu, {})
  if (!receipt) throw new Error('no receipt')
  return receiptOf(settings, receipt, pdu)
}

describe('submitSm', () => {
  it('writes a short text as one plain segment', () => {
    expect(pdusOf(config(), message('@ Hi'))).toEqual([
      expect.objectContaining({
        command: 'submit_sm',
        source_addr_ton: 5,
        source_addr_npi: 0,
        source_addr: 'ACME',
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr: '447700900123',
        esm_class: 0,
        data_coding: 0,
        registered_delivery: 1,
        validity_period: '000000001000000R',
        short_message: Buffer.from([0, 0x20, 0x48, 0x69]),
        tlvs: [],
      }),
    ])
  })

  it('writes a long text with one reference, all segments alike', () => {
    const pdus = pdusOf(config(), message('a'.repeat(400)))
    expect(pdus).toHaveLength(3)
    for (const [index, pdu] of pdus.entries()) {
      expect(pdu).toMatchObject({ esm_class: 0x40, source_addr: 'ACME', data_coding: 0 })
      const { short_message: octets } = pdu as { short_message: Buffer }
      expect([...octets.subarray(0, 6)]).toEqual([5, 0, 3, 7, 3, index + 1])
    }
  })

  it('obeys the settings of the carrier', () => {
    const settings = config({
      sourceTon: 0,
      sourceNpi: 9,
      destinationTon: 2,
      destinationNpi: 8,
      destinationPlus: true,
      registeredDelivery: 0x11,
      validitySeconds: 300,
    })
    expect(pdusOf(settings, message('Hi'))[0]).toMatchObject({
      source_addr_ton: 0,
      source_addr_npi: 9,
      dest_addr_ton: 2,
      dest_addr_npi: 8,
      destination_addr: '+447700900123',
      registered_delivery: 0x11,
      validity_period: '000000000500000R',
    })
  })

  it('sends to a short code as the network knows it, whatever the settings of numbers are', () => {
    const settings = config({ destinationTon: 1, destinationNpi: 1, destinationPlus: true })
    expect(pdusOf(settings, message('Hi', { to: '60123' }))[0]).toMatchObject({
      dest_addr_ton: 3,
      dest_addr_npi: 0,
      destination_addr: '60123',
    })
  })

  it.each([
    ['a begun second counts', 299.1, {}, '000000000500000R'],
    ['no less than a second', 0.1, {}, '000000000001000R'],
    ['no less than a second, even when it is over', -5, {}, '000000000001000R'],
    ['days, hours, minutes, seconds', 86_400 + 3_723, {}, '000001010203000R'],
    ['30 days are no month', 30 * 86_400, {}, '000030000000000R'],
    ['as far as days go', 400 * 86_400, {}, '000031000000000R'],
    ['cut to what the carrier takes', 259_200, { validitySeconds: 86_400 }, '000001000000000R'],
    ['below what the carrier takes', 60, { validitySeconds: 86_400 }, '000000000100000R'],
    ['in UTC, to the next second', 600, { validity: 'absolute' }, '260203041507000+'],
    ['in UTC, no less than a second', -5, { validity: 'absolute' }, '260203040508000+'],
    [
      'in UTC, cut to what the carrier takes',
      259_200,
      { validity: 'absolute', validitySeconds: 86_400 },
      '260204040507000+',
    ],
    ['not at all', 600, { validity: 'none', validitySeconds: 300 }, ''],
  ] as const)('says how long it is valid: %s', (_what, seconds, settings, expected) => {
    const outbound = message('a'.repeat(400), { expiresAt: later(seconds) })
    const told = pdusOf(config(settings), outbound).map((pdu) => {
      return (pdu as { validity_period?: string }).validity_period
    })
    expect(told).toEqual([expected, expected, expected])
  })

  it('says the same end in UTC whenever it is submitted', () => {
    const outbound = message('Hi', { expiresAt: later(600) })
    const [segment] = segmentsOf(config(), outbound, planFor(config(), outbound), 0)
    if (!segment) throw new Error('no segment')
    const settings = config({ validity: 'absolute' })
    for (const seconds of [0, 0.9, 17.3, 598]) {
      expect(submitSm(settings, outbound, segment, 1, later(seconds))).toMatchObject({
        validity_period: '260203041507000+',
      })
    }
  })

  it('passes octets through', () => {
    const octets = Buffer.from([5, 0, 3, 1, 2, 1, 0xff, 0])
    const raw = { octets, esmClass: 0x40, dataCoding: 0xf5 }
    expect(pdusOf(config(), message('', { raw }))).toEqual([
      expect.objectContaining({ esm_class: 0x40, data_coding: 0xf5, short_message: octets }),
    ])
    const plain = { octets, esmClass: 0, dataCoding: 4 }
    expect(pdusOf(config(), message('', { raw: plain }))[0]).toMatchObject({ esm_class: 0 })
  })

  it('tells the carrier what the partner said', () => {
    const tlvs = [
      { tag: 0x1401, value: Buffer.from('entity') },
      { tag: 0x020b, value: Buffer.from([0x23, 0xf0]) },
    ]
    const passThrough = {
      ...PLAIN,
      serviceType: 'CMT',
      protocolId: 0x41,
      priorityFlag: 2,
      esmClass: 0x83,
      tlvs,
    }
    const outbound = message('a'.repeat(200), { passThrough, registeredDelivery: 0x1f })
    for (const pdu of pdusOf(config(), outbound)) {
      expect(pdu).toMatchObject({
        service_type: 'CMT',
        protocol_id: 0x41,
        priority_flag: 2,
        esm_class: 0xc3,
        // Ours asks for final receipts; theirs adds intermediate ones and the handset's answers.
        registered_delivery: 0x1d,
        tlvs,
      })
    }
    const [vendor] = pdusOf(config({ passTlvs: 'vendor' }), outbound)
    expect(vendor).toMatchObject({ tlvs: [tlvs[0]] })
    expect(pdusOf(config({ passTlvs: 'none' }), outbound)[0]).toMatchObject({ tlvs: [] })
  })

  it('sends its own reference where the carrier repeats it, not that of the partner', () => {
    const theirs = { tag: 0x0204, value: Buffer.from([1, 2]) }
    const outbound = message('Hi', { passThrough: { ...PLAIN, tlvs: [theirs] } })
    expect(pdusOf(config(), outbound)[0]).toMatchObject({ tlvs: [theirs] })
    const [pdu] = pdusOf(config({ userMessageReference: true }), outbound)
    expect(pdu).toMatchObject({ tlvs: [{ tag: 0x0204 }] })
    expect(pdu).not.toMatchObject({ tlvs: [theirs] })
  })

  it.each([
    ['udh8', '05000307020148656c6c6f', 0x40, []],
    ['udh16', '0608041207020148656c6c6f', 0x40, []],
    ['payload', '0608041207020148656c6c6f', 0x40, []],
    [
      'sar',
      '48656c6c6f',
      0,
      [
        { tag: 0x020c, value: Buffer.from([0x12, 0x07]) },
        { tag: 0x020e, value: Buffer.from([2]) },
        { tag: 0x020f, value: Buffer.from([1]) },
      ],
    ],
  ] as const)(
    'a segment that came with SAR parameters leaves as %s',
    (longMessages, hex, esm, tlvs) => {
      const raw = { octets: Buffer.from('Hello'), esmClass: 0, dataCoding: 0 }
      const concat = { reference: 0x1207, total: 2, sequence: 1 }
      const outbound = message('', { raw, passThrough: { ...PLAIN, concat } })
      expect(pdusOf(config({ longMessages }), outbound)).toEqual([
        expect.objectContaining({ esm_class: esm, short_message: Buffer.from(hex, 'hex'), tlvs }),
      ])
    },
  )

  it.each([
    ['gsm7', '05000301020102'],
    ['latin1', '05000301020124'],
    ['ascii', '05000301020124'],
  ] as const)(
    'septets of a segment are told in the default alphabet %s',
    (defaultAlphabet, hex) => {
      const raw = { octets: Buffer.from('05000301020102', 'hex'), esmClass: 0x40, dataCoding: 0 }
      expect(pdusOf(config({ defaultAlphabet }), message('', { raw }))[0]).toMatchObject({
        short_message: Buffer.from(hex, 'hex'),
        esm_class: 0x40,
      })
    },
  )

  it('packs the septets of a segment behind its header', () => {
    const raw = { octets: Buffer.from('0500030102016869', 'hex'), esmClass: 0x40, dataCoding: 0 }
    expect(
      pdusOf(config({ defaultAlphabet: 'gsm7-packed' }), message('', { raw }))[0],
    ).toMatchObject({ short_message: Buffer.from('050003010201d069', 'hex') })
  })

  it('splits a flash text, and every segment keeps its class', () => {
    const passThrough = { ...PLAIN, dataCoding: 0xf0 }
    const outbound = message('@'.repeat(161), { passThrough, requestedEncoding: 'gsm7' })
    const pdus = pdusOf(config({ defaultAlphabet: 'latin1' }), outbound)
    expect(pdus).toHaveLength(2)
    for (const pdu of pdus) expect(pdu).toMatchObject({ data_coding: 0xf0, esm_class: 0x40 })
    expect((pdus[1] as { short_message: Buffer }).short_message.subarray(6)).toEqual(
      Buffer.alloc(8),
    )
  })

  it('transcodes Latin-1 only where the carrier is set so', () => {
    const raw = { octets: Buffer.from('é', 'latin1'), esmClass: 0, dataCoding: 3 }
    const outbound = message('é', { raw })
    expect(pdusOf(config(), outbound)[0]).toMatchObject({
      data_coding: 3,
      short_message: raw.octets,
    })
    expect(pdusOf(config({ transcode: true }), outbound)[0]).toMatchObject({
      data_coding: 0,
      short_message: Buffer.from([5]),
    })
  })
})

describe('planFor', () => {
  const curly = '“Hi” – it’s'

  it('replaces typography only where the carrier is set so, and says what', () => {
    expect(planFor(config(), content(curly))).toMatchObject({
      plan: { encoding: 'ucs2' },
      replacements: [],
    })
    expect(planFor(config({ transliterate: true }), content(curly))).toMatchObject({
      plan: { encoding: 'gsm7', text: '"Hi" - it\'s' },
      replacements: expect.arrayContaining([{ from: '’', to: "'", count: 1 }]),
    })
  })

  it('refuses more segments than the sender pays for', () => {
    expect(() => planFor(config(), content('a'.repeat(161), { maxSegments: 1 }))).toThrow(
      expect.objectContaining({ code: 'text_too_long' }),
    )
  })
})

describe('outcomeOf', () => {
  it('keeps the id as it came, and the key in the form of the profile', () => {
    expect(outcomeOf(config(), response(0, '00AB'))).toEqual({
      kind: 'accepted',
      carrierMessageId: '00AB',
      matchKey: '00ab',
    })
    expect(outcomeOf(config({ messageIdProfile: 'resp-hex' }), response(0, '00AB'))).toMatchObject({
      carrierMessageId: '00AB',
      matchKey: 'ab',
    })
    expect(outcomeOf(config(), response(0))).toMatchObject({ kind: 'accepted', matchKey: null })
  })

  it.each([
    [0x58, { kind: 'throttled', rawCode: '0x00000058' }],
    [0x14, { kind: 'throttled', rawCode: '0x00000014' }],
    [
      0x0b,
      { kind: 'refused', class: 'message', reason: expect.stringMatching(/^ESME_RINVDSTADR/) },
    ],
    [0x08, { kind: 'refused', class: 'passing' }],
    [0x45, { kind: 'refused', class: 'passing' }],
    [0x04, { kind: 'refused', class: 'passing' }],
    [0x4ff, { kind: 'refused', code: 'carrier_specific', rawCode: '0x000004ff' }],
  ])('reads status %i', (status, outcome) => {
    expect(outcomeOf(config(), response(status))).toMatchObject(outcome)
  })
})

describe('receiptOf', () => {
  it.each([
    ['DELIVRD', 'DELIVERED', 'delivered'],
    ['UNDELIV', 'UNDELIVERABLE', 'undelivered'],
    ['REJECTD', 'REJECTED', 'undelivered'],
    ['DELETED', 'DELETED', 'undelivered'],
    ['EXPIRED', 'EXPIRED', 'expired'],
    ['ENROUTE', 'ENROUTE', null],
    ['ACCEPTD', 'ACCEPTED', null],
    ['UNKNOWN', 'UNKNOWN', null],
    ['WHATEVR', 'UNKNOWN', null],
  ])('reads %s as %s, which settles %s', (stat, state, settles) => {
    const text = `id:00AB sub:001 dlvrd:001 stat:${stat} err:0A1 text:x`
    expect(understood(config(), text)).toMatchObject({
      carrier: 'alpha',
      carrierMessageId: '00AB',
      matchKeys: ['00ab'],
      state,
      settles,
      rawError: '0A1',
      rawText: text,
    })
  })

  it('looks for a decimal id under its hexadecimal form too', () => {
    const settings = config({ messageIdProfile: 'resp-hex' })
    expect(understood(settings, 'id:255 stat:DELIVRD err:000').matchKeys).toEqual(['255', 'ff'])
  })

  it('has no key for a receipt without an id', () => {
    expect(understood(config(), 'stat:DELIVRD err:000')).toMatchObject({
      carrierMessageId: '',
      matchKeys: [],
    })
  })
})
