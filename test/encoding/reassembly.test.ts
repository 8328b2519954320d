import { describe, expect, it } from 'vitest'
import {
  concatKey,
  decodeReassembled,
  type MessagePart,
  Reassembler,
  readUserData,
} from '../../src/encoding/reassembly.ts'

const octets = (hex: string) => Buffer.from(hex, 'hex')

function part(sequence: number, text: string, more: Partial<MessagePart<string>> = {}) {
  const body = Buffer.from(text)
  return { key: 'k', total: 3, sequence, octets: body, udh: undefined, source: text, ...more }
}

function textsOf(parts: readonly MessagePart<string>[]): string[] {
  return parts.map(({ octets: body }) => body.toString())
}

describe('readUserData', () => {
  const sar = (reference: string, total: string, sequence: string) => [
    { tag: 0x020c, value: octets(reference) },
    { tag: 0x020e, value: octets(total) },
    { tag: 0x020f, value: octets(sequence) },
  ]

  it('takes the header off', () => {
    const read = readUserData(0x40, octets('050003070201616263'), [])
    expect(read.octets.toString()).toBe('abc')
    expect(read.concat).toEqual({ method: 'udh8', reference: 7, total: 2, sequence: 1 })
  })

  it('does not look for a header without the indicator', () => {
    const read = readUserData(0x03, octets('050003070201616263'), [])
    expect(read).toMatchObject({ udh: undefined, concat: undefined })
    expect(read.octets).toHaveLength(9)
  })

  it('takes a broken header as data', () => {
    const read = readUserData(0x40, octets('ff616263'), [])
    expect(read).toMatchObject({ udh: undefined, concat: undefined })
    expect(read.octets.toString('hex')).toBe('ff616263')
  })

  it('reads SAR parameters, but the header wins', () => {
    const tlvs = sar('012c', '03', '02')
    expect(readUserData(0, Buffer.from('a'), tlvs).concat).toEqual({
      method: 'sar',
      reference: 300,
      total: 3,
      sequence: 2,
    })
    expect(readUserData(0x40, octets('05000307020161'), tlvs).concat?.method).toBe('udh8')
  })

  it.each([
    { name: 'sequence above total', tlvs: sar('0001', '02', '03') },
    { name: 'sequence 0', tlvs: sar('0001', '02', '00') },
    { name: 'total 0', tlvs: sar('0001', '00', '00') },
    { name: 'total above 255', tlvs: sar('0001', '0100', '01') },
    { name: 'an empty value', tlvs: sar('', '02', '01') },
    { name: 'a long value', tlvs: sar('000001', '02', '01') },
    { name: 'a missing parameter', tlvs: sar('0001', '02', '01').slice(0, 2) },
  ])('ignores SAR parameters with $name', ({ tlvs }) => {
    expect(readUserData(0, Buffer.from('a'), tlvs).concat).toBeUndefined()
  })

  it('reads message_payload where short_message is empty', () => {
    const tlvs = [{ tag: 0x0424, value: octets('0500030702016162') }]
    const read = readUserData(0x40, Buffer.alloc(0), tlvs)
    expect(read.octets.toString()).toBe('ab')
    expect(read.concat?.total).toBe(2)
    expect(readUserData(0, Buffer.from('x'), tlvs).octets.toString()).toBe('x')
  })
})

describe('concatKey', () => {
  it('tells apart what are different messages', () => {
    const concat = { method: 'udh8', reference: 1, total: 2, sequence: 1 } as const
    const keys = [
      concatKey('a', 'b', concat),
      concatKey('ab', '', concat),
      concatKey('a', 'b', { ...concat, method: 'udh16' }),
      concatKey('a', 'b', { ...concat, reference: 2 }),
      concatKey('a', 'b', { ...concat, total: 3 }),
    ]
    expect(new Set(keys).size).toBe(keys.length)
    expect(concatKey('a', 'b', { ...concat, sequence: 2 })).toBe(keys[0])
  })
})

describe('Reassembler', () => {
  it('completes on count, in any order', () => {
    const reassembler = new Reassembler<string>()
    expect(reassembler.add(part(3, 'c'), 0)).toEqual([])
    expect(reassembler.add(part(1, 'a'), 1)).toEqual([])
    expect(reassembler.size).toBe(1)
    const [message, ...rest] = reassembler.add(part(2, 'b'), 2)
    expect(rest).toEqual([])
    expect(message).toMatchObject({ key: 'k', outcome: 'complete', total: 3, firstAt: 0 })
    expect(textsOf(message!.parts)).toEqual(['a', 'b', 'c'])
    expect(message!.parts.map(({ source }) => source)).toEqual(['a', 'b', 'c'])
    expect(reassembler).toMatchObject({ size: 0, octets: 0 })
  })

  it('completes a message of one part at once', () => {
    const [message] = new Reassembler<string>().add(part(1, 'a', { total: 1 }), 0)
    expect(message?.outcome).toBe('complete')
  })

  it('tolerates duplicates before and after completion', () => {
    const reassembler = new Reassembler<string>({ rememberMs: 100 })
    for (const text of ['a', 'a', 'a']) expect(reassembler.add(part(1, text), 0)).toEqual([])
    reassembler.add(part(2, 'b'), 0)
    expect(reassembler.add(part(3, 'c'), 10)).toHaveLength(1)
    expect(reassembler.add(part(2, 'b'), 109)).toEqual([])
    expect(reassembler.size).toBe(0)
    reassembler.add(part(2, 'b'), 110)
    expect(reassembler.size).toBe(1)
  })

  it('starts anew when a complete message is followed by another with its reference', () => {
    const reassembler = new Reassembler<string>()
    for (const [index, text] of ['a', 'b', 'c'].entries()) {
      reassembler.add(part(index + 1, text), 0)
    }
    expect(reassembler.add(part(1, 'A'), 1)).toEqual([])
    expect(reassembler.add(part(2, 'b'), 1)).toEqual([])
    const [second] = reassembler.add(part(3, 'C'), 1)
    expect(textsOf(second!.parts)).toEqual(['A', 'b', 'C'])
  })

  it('gives back an incomplete message when its reference is used again', () => {
    const reassembler = new Reassembler<string>()
    reassembler.add(part(1, 'a'), 0)
    const [old, ...rest] = reassembler.add(part(1, 'other'), 5)
    expect(rest).toEqual([])
    expect(old?.outcome).toBe('superseded')
    expect(textsOf(old!.parts)).toEqual(['a'])
    expect(reassembler).toMatchObject({ size: 1, octets: 5 })
  })

  it('keeps messages of another total apart even under the same key', () => {
    const reassembler = new Reassembler<string>()
    reassembler.add(part(1, 'a'), 0)
    expect(reassembler.add(part(2, 'b', { total: 2 }), 0)).toEqual([])
    expect(reassembler.size).toBe(2)
  })

  it('gives back what waited too long, counted from the first part', () => {
    const reassembler = new Reassembler<string>({ timeoutMs: 1000 })
    reassembler.add(part(1, 'a'), 0)
    reassembler.add(part(1, 'x', { key: 'later' }), 500)
    reassembler.add(part(3, 'c'), 900)
    expect(reassembler.tick(999)).toEqual([])
    const [message, ...rest] = reassembler.tick(1000)
    expect(rest).toEqual([])
    expect(message).toMatchObject({ outcome: 'timed_out', total: 3 })
    expect(textsOf(message!.parts)).toEqual(['a', 'c'])
    expect(reassembler.tick(1499)).toEqual([])
    expect(reassembler.tick(1500).map(({ key }) => key)).toEqual(['later'])
    expect(reassembler).toMatchObject({ size: 0, octets: 0 })
  })

  it('does not complete a message with a part that came too late, tick or not', () => {
    const reassembler = new Reassembler<string>({ timeoutMs: 1000 })
    reassembler.add(part(1, 'a', { total: 2 }), 0)
    const [message] = reassembler.add(part(2, 'b', { total: 2 }), 1000)
    expect(message).toMatchObject({ outcome: 'timed_out' })
    expect(reassembler.size).toBe(1)
  })

  it('forgets complete messages', () => {
    const reassembler = new Reassembler<string>({ rememberMs: 100 })
    reassembler.add(part(1, 'a', { total: 1 }), 0)
    reassembler.tick(100)
    expect(reassembler.add(part(1, 'a', { total: 1 }), 100)).toHaveLength(1)
  })

  it('gives back the oldest over maxGroups', () => {
    const reassembler = new Reassembler<string>({ maxGroups: 2 })
    reassembler.add(part(1, 'a', { key: '1' }), 0)
    reassembler.add(part(1, 'a', { key: '2' }), 1)
    reassembler.add(part(2, 'b', { key: '1' }), 2)
    const left = reassembler.add(part(1, 'a', { key: '3' }), 3)
    expect(left.map(({ key, outcome }) => [key, outcome])).toEqual([['1', 'evicted']])
    expect(reassembler.size).toBe(2)
  })

  it('gives back the oldest over maxOctets', () => {
    const reassembler = new Reassembler<string>({ maxOctets: 10 })
    reassembler.add(part(1, '123456', { key: '1' }), 0)
    expect(reassembler.add(part(1, '1234', { key: '2' }), 0)).toEqual([])
    const left = reassembler.add(part(2, '5', { key: '2' }), 0)
    expect(left.map(({ key }) => key)).toEqual(['1'])
    expect(reassembler.octets).toBe(5)
    expect(reassembler.add(part(1, '12345678901', { key: '3' }), 0)).toHaveLength(2)
    expect(reassembler).toMatchObject({ size: 0, octets: 0 })
  })

  it('gives back the oldest over maxParts, however short the parts are', () => {
    const reassembler = new Reassembler<string>({ maxParts: 2 })
    reassembler.add(part(1, '', { key: '1' }), 0)
    reassembler.add(part(2, '', { key: '1' }), 0)
    const left = reassembler.add(part(1, '', { key: '2' }), 0)
    expect(left.map(({ key }) => key)).toEqual(['1'])
    expect(reassembler.size).toBe(1)
    expect(() => new Reassembler({ maxParts: 0 })).toThrow('maxParts is 0')
  })

  it('remembers no more than maxOctets and maxParts of complete messages', () => {
    for (const limits of [{ maxOctets: 10 }, { maxParts: 1 }]) {
      const reassembler = new Reassembler<string>(limits)
      reassembler.add(part(1, '123456', { key: '1', total: 1 }), 0)
      reassembler.add(part(1, '654321', { key: '2', total: 1 }), 0)
      expect(reassembler.add(part(1, '654321', { key: '2', total: 1 }), 0)).toEqual([])
      expect(reassembler.add(part(1, '123456', { key: '1', total: 1 }), 0)).toHaveLength(1)
    }
  })

  it('remembers no more than maxGroups complete messages', () => {
    const reassembler = new Reassembler<string>({ maxGroups: 1 })
    reassembler.add(part(1, 'a', { key: '1', total: 1 }), 0)
    reassembler.add(part(1, 'a', { key: '2', total: 1 }), 0)
    expect(reassembler.add(part(1, 'a', { key: '2', total: 1 }), 0)).toEqual([])
    expect(reassembler.add(part(1, 'a', { key: '1', total: 1 }), 0)).toHaveLength(1)
  })

  it('does not depend on the buffer that a part came in', () => {
    const reassembler = new Reassembler<string>()
    const first = part(1, 'a', { total: 2 })
    reassembler.add(first, 0)
    first.octets.fill(0)
    const [message] = reassembler.add(part(2, 'b', { total: 2 }), 0)
    expect(textsOf(message!.parts)).toEqual(['a', 'b'])
  })

  it('gives everything back on drain', () => {
    const reassembler = new Reassembler<string>()
    reassembler.add(part(1, 'a'), 0)
    reassembler.add(part(1, 'a', { key: 'other' }), 0)
    expect(reassembler.drain().map(({ outcome }) => outcome)).toEqual(['evicted', 'evicted'])
    expect(reassembler).toMatchObject({ size: 0, octets: 0 })
  })

  it('refuses part numbers and limits that make no sense', () => {
    const reassembler = new Reassembler<string>()
    for (const [total, sequence] of [
      [3, 0],
      [3, 4],
      [256, 1],
    ] as const) {
      expect(() => reassembler.add(part(sequence, 'a', { total }), 0)).toThrow(
        expect.objectContaining({ code: 'part_invalid' }),
      )
    }
    expect(() => new Reassembler({ maxGroups: 0 })).toThrow(
      expect.objectContaining({ code: 'options_invalid' }),
    )
    expect(() => new Reassembler({ maxOctets: Number.NaN })).toThrow('maxOctets NaN')
  })
})

describe('decodeReassembled', () => {
  const ucs2 = (sequence: number, hex: string) => part(sequence, '', { octets: octets(hex) })

  it('joins neighbours before decoding', () => {
    const parts = [ucs2(1, '0041d83d'), ucs2(2, 'de000042')]
    expect(decodeReassembled({ parts, total: 2 }, 8).text).toBe('A😀B')
  })

  it('shows each run of missing parts as one replacement character', () => {
    const parts = [ucs2(2, '0042'), ucs2(3, '0043'), ucs2(6, '0046')]
    expect(decodeReassembled({ parts, total: 7 }, 8).text).toBe('\ufffdBC\ufffdF\ufffd')
  })

  it('does not join octets across a gap', () => {
    const parts = [ucs2(1, '0041d83d'), ucs2(3, 'de000042')]
    expect(decodeReassembled({ parts, total: 3 }, 8).text).toBe('A\ufffd\ufffd\ufffdB')
  })

  it('has no text for binary data', () => {
    const parts = [ucs2(1, '0041')]
    expect(decodeReassembled({ parts, total: 2 }, 4)).toEqual({
      charset: 'binary',
      text: undefined,
    })
  })
})
