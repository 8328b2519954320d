import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PduRing } from '../../src/smpp/pdu-ring.ts'

const octets = (length: number, value: number) => Buffer.alloc(length, value)

test('keeps the latest PDUs as they were, with time, way and place in the stream', () => {
  const ring = new PduRing({ pdus: 3, octets: 100 })
  ring.push(octets(16, 1), true, 1000)
  ring.push(octets(20, 2), false, 1001)
  ring.push(octets(30, 3), true, 1002)
  ring.push(octets(17, 4), false, 1003)
  expect([ring.size, ring.dropped]).toEqual([3, 1])
  expect(ring.entries()).toEqual([
    entry({ number: 2, at: 1001, isSent: false, octets: octets(20, 2), streamOffset: 0 }),
    entry({ number: 3, at: 1002, isSent: true, octets: octets(30, 3), streamOffset: 16 }),
    entry({ number: 4, at: 1003, isSent: false, octets: octets(17, 4), streamOffset: 20 }),
  ])
})

test('what is handed in may change afterwards, and what is handed out too', () => {
  const ring = new PduRing({ pdus: 2, octets: 100 })
  const pdu = octets(16, 1)
  ring.push(pdu, true, 0)
  pdu.fill(9)
  ring.entries()[0]?.octets.fill(8)
  expect(ring.entries()[0]?.octets).toEqual(octets(16, 1))
})

test('a PDU that is too long is cut, its length and what follows stay right', () => {
  const ring = new PduRing({ pdus: 4, octets: 50, maxPduOctets: 20 })
  ring.push(octets(33, 1), true, 0)
  ring.push(octets(16, 2), true, 0)
  expect(ring.entries()).toEqual([
    entry({ number: 1, octets: octets(20, 1), wireOctets: 33 }),
    entry({ number: 2, octets: octets(16, 2), streamOffset: 33 }),
  ])
})

test('octets that make no PDU are marked', () => {
  const ring = new PduRing({ pdus: 4, octets: 50 })
  ring.pushRest(Buffer.from('GET /'), 5)
  expect(ring.entries()).toEqual([
    entry({ number: 1, at: 5, isSent: false, isPdu: false, octets: Buffer.from('GET /') }),
  ])
})

test('in a ring of another size the PDUs and their places are the same', () => {
  const ring = new PduRing({ pdus: 3, octets: 64 })
  for (let index = 0; index < 7; index++) ring.push(octets(16 + index, index), index % 2 === 0, 0)
  const before = ring.entries()
  const grown = ring.resized({ pdus: 10, octets: 1000 })
  expect(grown.entries()).toEqual(before)
  expect(grown.trimmed().entries()).toEqual(before)
  grown.push(octets(16, 9), true, 1)
  expect(grown.entries().slice(0, -1)).toEqual(before)
  expect(grown.entries().at(-1)).toMatchObject({ number: 8, streamOffset: 16 + 18 + 20 + 22 })
})

test('whatever is pushed, it holds the latest that fit', () => {
  const pushes = fc.array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.boolean()))
  const sizes = fc.tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 20, max: 150 }))
  fc.assert(
    fc.property(pushes, sizes, (list, [pdus, size]) => {
      const ring = new PduRing({ pdus, octets: size })
      const kept: { octets: Buffer; wire: number; isSent: boolean; streamOffset: number }[] = []
      const offsets = { true: 0, false: 0 }
      for (const [index, [length, isSent]] of list.entries()) {
        const pdu = octets(length, index)
        ring.push(pdu, isSent, index)
        const way = `${isSent}` as const
        kept.push({
          octets: pdu.subarray(0, size),
          wire: length,
          isSent,
          streamOffset: offsets[way],
        })
        offsets[way] += length
        const used = () => kept.reduce((sum, each) => sum + each.octets.length, 0)
        while (kept.length > pdus || used() > size) kept.shift()
      }
      const entries = ring.entries()
      expect(
        entries.map((each) => ({
          octets: each.octets,
          wire: each.wireOctets,
          isSent: each.isSent,
          streamOffset: each.streamOffset,
        })),
      ).toEqual(kept)
      expect(entries.at(-1)?.number ?? 0).toBe(list.length)
    }),
  )
})

function entry(fields: {
  readonly number: number
  readonly octets: Buffer
  readonly [name: string]: unknown
}) {
  return {
    at: 0,
    isSent: true,
    isPdu: true,
    wireOctets: fields.octets.length,
    streamOffset: 0,
    ...fields,
  }
}
