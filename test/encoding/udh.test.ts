import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  buildUdh,
  checkPart,
  concatElement,
  parseUdh,
  portsElement,
  shiftElements,
} from '../../src/encoding/udh.ts'

const octets = (hex: string) => Buffer.from(hex, 'hex')

describe('parseUdh', () => {
  it.each([
    {
      name: 'an 8-bit reference',
      hex: '0500032a0201',
      concat: { method: 'udh8', reference: 0x2a, total: 2, sequence: 1 },
    },
    {
      name: 'a 16-bit reference',
      hex: '060804012a0302',
      concat: { method: 'udh16', reference: 0x12a, total: 3, sequence: 2 },
    },
    {
      name: 'a concatenation that is not the first element',
      hex: '0b0504158200000003070201',
      concat: { method: 'udh8', reference: 7, total: 2, sequence: 1 },
    },
    {
      name: 'a concatenation behind an unknown element',
      hex: '0a70030102030003070201',
      concat: { method: 'udh8', reference: 7, total: 2, sequence: 1 },
    },
    {
      name: 'the last of two concatenations',
      hex: '0b0003070201080400090302',
      concat: { method: 'udh16', reference: 9, total: 3, sequence: 2 },
    },
    {
      name: 'the last valid of two concatenations',
      hex: '0a00030702010003070200',
      concat: { method: 'udh8', reference: 7, total: 2, sequence: 1 },
    },
    { name: 'total 0', hex: '0500032a0001', concat: undefined },
    { name: 'sequence 0', hex: '0500032a0200', concat: undefined },
    { name: 'sequence above total', hex: '0500032a0203', concat: undefined },
    { name: 'a concatenation of the wrong length', hex: '0400022a02', concat: undefined },
    { name: 'no element at all', hex: '00', concat: undefined },
  ])('reads $name', ({ hex, concat }) => {
    const udh = parseUdh(octets(`${hex}616263`))
    expect(udh?.octets).toBe(hex.length / 2)
    expect(udh?.concat).toEqual(concat)
  })

  it.each([
    { name: 'an empty message', hex: '' },
    { name: 'a header past the message', hex: '0500032a02' },
    { name: 'an element past the header', hex: '0500042a0201' },
    { name: 'an identifier without a length', hex: '0600032a020170' },
    { name: 'text that looks like no header', hex: '48656c6c6f' },
  ])('takes $name as data', ({ hex }) => {
    expect(parseUdh(octets(hex))).toBeUndefined()
  })

  it('keeps every element in order', () => {
    const udh = parseUdh(octets('10700200ff24010125010305041582000061'))
    expect(udh?.elements).toEqual([
      { id: 0x70, data: octets('00ff') },
      { id: 0x24, data: octets('01') },
      { id: 0x25, data: octets('03') },
      { id: 0x05, data: octets('15820000') },
    ])
    expect(udh).toMatchObject({ singleShift: 1, lockingShift: 3 })
    expect(udh?.ports).toEqual({ width: 16, destination: 0x1582, source: 0 })
  })

  it('reads 8-bit ports', () => {
    const ports = { width: 8, destination: 240, source: 5 }
    expect(parseUdh(octets('040402f005'))?.ports).toEqual(ports)
  })

  it('never throws and never claims more octets than there are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const udh = parseUdh(Buffer.from(bytes))
        if (udh === undefined) return
        expect(udh.octets).toBeLessThanOrEqual(bytes.length)
        expect(udh.octets).toBe(1 + bytes[0]!)
        const rebuilt = udh.octets <= 140 && udh.elements.length > 0
        if (rebuilt) expect(buildUdh(udh.elements)).toEqual(Buffer.from(bytes.slice(0, udh.octets)))
      }),
      { numRuns: 500 },
    )
  })

  it('reads what buildUdh wrote', () => {
    const element = fc.record({
      id: fc.nat(255),
      data: fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
    })
    fc.assert(
      fc.property(fc.array(element, { minLength: 1, maxLength: 9 }), (elements) => {
        const header = buildUdh(elements)
        const udh = parseUdh(Buffer.concat([header, Buffer.from('text')]))
        expect(udh?.octets).toBe(header.length)
        expect(udh?.elements).toEqual(elements)
      }),
    )
  })
})

describe('building', () => {
  it('orders the elements as given', () => {
    const concat = { method: 'udh8', reference: 0x12a, total: 2, sequence: 1 } as const
    expect(buildUdh([concatElement(concat), ...shiftElements(3, 1)]).toString('hex')).toBe(
      '0b00032a0201240101250103',
    )
    expect(buildUdh([concatElement({ ...concat, method: 'udh16' })]).toString('hex')).toBe(
      '060804012a0201',
    )
    const ports = { width: 16, destination: 5506, source: 0 } as const
    expect(buildUdh([portsElement(ports)]).toString('hex')).toBe('06050415820000')
    expect(buildUdh([portsElement({ ...ports, width: 8 })]).toString('hex')).toBe('0404028200')
    expect(buildUdh(shiftElements(0, 0))).toHaveLength(0)
  })

  it.each([
    { name: 'too much', elements: [{ id: 0x70, data: Buffer.alloc(138) }] },
    { name: 'an identifier above 255', elements: [{ id: 256, data: Buffer.alloc(1) }] },
    { name: 'an identifier that is no integer', elements: [{ id: 1.5, data: Buffer.alloc(1) }] },
  ])('refuses $name', ({ elements }) => {
    expect(() => buildUdh(elements)).toThrow(expect.objectContaining({ code: 'udh_invalid' }))
  })

  it.each([
    [0, 0],
    [1, 0],
    [2, 3],
    [256, 1],
    [2.5, 1],
    [Number.NaN, 1],
  ])('refuses total %d with sequence %d', (total, sequence) => {
    expect(() => checkPart(total, sequence)).toThrow(
      expect.objectContaining({ code: 'part_invalid' }),
    )
    const concat = { method: 'udh8', reference: 1, total, sequence } as const
    expect(() => concatElement(concat)).toThrow(`part ${sequence} of ${total}`)
  })
})
