import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrameError, SmppError } from '../../src/smpp/errors.ts'
import { FrameDecoder } from '../../src/smpp/frame.ts'
import { PDU_VECTORS } from './vectors.ts'

const FRAMES = PDU_VECTORS.map((vector) => Buffer.from(vector.hex, 'hex'))
const STREAM = Buffer.concat(FRAMES)
const ENQUIRE_LINK = Buffer.from('00000010000000150000000000000001', 'hex')

function hexOf(frames: readonly Buffer[]): string[] {
  return frames.map((frame) => frame.toString('hex'))
}

function lengthHeader(length: number): Buffer {
  const header = Buffer.alloc(4)
  header.writeUInt32BE(length)
  return header
}

describe('FrameDecoder', () => {
  it('gives every PDU of one chunk as a view of it', () => {
    const frames = new FrameDecoder().push(STREAM)
    expect(hexOf(frames)).toEqual(hexOf(FRAMES))
    for (const frame of frames) expect(frame.buffer).toBe(STREAM.buffer)
  })

  it('gives the same PDUs octet by octet', () => {
    const decoder = new FrameDecoder()
    const frames: Buffer[] = []
    for (let offset = 0; offset < STREAM.length; offset++) {
      frames.push(...decoder.push(STREAM.subarray(offset, offset + 1)))
    }
    expect(hexOf(frames)).toEqual(hexOf(FRAMES))
    expect(decoder.bufferedOctets).toBe(0)
  })

  it('shows what makes no PDU: a beginning, or the stream from its break on', () => {
    const decoder = new FrameDecoder()
    expect(decoder.rest).toHaveLength(0)
    decoder.push(Buffer.concat([ENQUIRE_LINK, ENQUIRE_LINK.subarray(0, 7)]))
    expect(decoder.rest).toEqual(ENQUIRE_LINK.subarray(0, 7))
    decoder.push(ENQUIRE_LINK.subarray(7))
    expect(decoder.rest).toHaveLength(0)
    decoder.push(Buffer.concat([ENQUIRE_LINK, Buffer.from('GE')]))
    const following = Buffer.from(`T ${'x'.repeat(300)}`)
    expect(() => decoder.push(following)).toThrow(FrameError)
    expect(decoder.rest.toString()).toBe(`GET ${'x'.repeat(252)}`)
  })

  it('gives the same PDUs wherever the stream is cut', () => {
    const cuts = fc.array(fc.integer({ min: 0, max: STREAM.length }), { maxLength: 40 })
    fc.assert(
      fc.property(cuts, (places) => {
        const decoder = new FrameDecoder()
        const frames: Buffer[] = []
        let start = 0
        for (const end of [...places.sort((a, b) => a - b), STREAM.length]) {
          frames.push(...decoder.push(Buffer.from(STREAM.subarray(start, end))))
          start = end
        }
        expect(hexOf(frames)).toEqual(hexOf(FRAMES))
        expect(decoder.bufferedOctets).toBe(0)
      }),
    )
  })

  it('does not share a cut PDU with the chunks it came in', () => {
    const decoder = new FrameDecoder()
    const first = Buffer.from(ENQUIRE_LINK.subarray(0, 7))
    expect(decoder.push(first)).toEqual([])
    expect(decoder.bufferedOctets).toBe(7)
    first.fill(0xff)
    const [frame] = decoder.push(Buffer.concat([ENQUIRE_LINK.subarray(7), ENQUIRE_LINK]))
    expect(frame?.equals(ENQUIRE_LINK)).toBe(true)
  })

  it('refuses a bad length as soon as its four octets are there', () => {
    for (const length of [0, 4, 15, 70_001, 0x7fffffff, 0xffffffff]) {
      const decoder = new FrameDecoder()
      const header = lengthHeader(length)
      expect(decoder.push(header.subarray(0, 3))).toEqual([])
      expect(() => decoder.push(header.subarray(3))).toThrow(FrameError)
      expect(decoder.failure?.code).toBe('frame_invalid')
      expect(decoder.failure?.message).toContain(String(length))
    }
  })

  it('accepts the lengths at both ends', () => {
    const largest = Buffer.alloc(70_000)
    largest.writeUInt32BE(70_000)
    const stream = Buffer.concat([ENQUIRE_LINK, largest])
    expect(new FrameDecoder().push(stream).map((frame) => frame.length)).toEqual([16, 70_000])
    const small = new FrameDecoder({ maxOctets: 16 })
    expect(small.push(ENQUIRE_LINK)).toHaveLength(1)
    expect(() => small.push(lengthHeader(17))).toThrow(FrameError)
  })

  it('returns the PDUs in front of a bad length, and throws at the next call', () => {
    const decoder = new FrameDecoder()
    decoder.push(ENQUIRE_LINK.subarray(0, 10))
    const rest = [ENQUIRE_LINK.subarray(10), ENQUIRE_LINK, lengthHeader(3), ENQUIRE_LINK]
    expect(decoder.push(Buffer.concat(rest))).toHaveLength(2)
    expect(decoder.failure).toBeInstanceOf(FrameError)
    expect(decoder.bufferedOctets).toBe(0)
    expect(() => decoder.push(Buffer.alloc(0))).toThrow(FrameError)
    expect(() => decoder.push(ENQUIRE_LINK)).toThrow(FrameError)
  })

  it('holds memory by the octets received, not by the length announced', () => {
    const decoder = new FrameDecoder({ maxOctets: 0xffffffff })
    expect(decoder.push(lengthHeader(0xfffffff0))).toEqual([])
    expect(decoder.push(Buffer.alloc(1000))).toEqual([])
    expect(decoder.bufferedOctets).toBe(1004)
  })

  it('refuses a maximum below a header', () => {
    expect(() => new FrameDecoder({ maxOctets: 15 })).toThrow(RangeError)
    expect(() => new FrameDecoder({ maxOctets: 1.5 })).toThrow(RangeError)
  })

  it('returns or throws only our errors, whatever octets come', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 10 }), (chunks) => {
        const decoder = new FrameDecoder()
        try {
          for (const chunk of chunks) {
            for (const frame of decoder.push(Buffer.from(chunk))) {
              expect(frame.readUInt32BE(0)).toBe(frame.length)
            }
          }
        } catch (error) {
          expect(error).toBeInstanceOf(SmppError)
        }
      }),
    )
  })
})
