import fc from 'fast-check'

/** What stands at the edges of a length field of one, two or four octets. */
const EDGES: readonly number[] = [
  0, 1, 2, 3, 4, 15, 16, 17, 0x7f, 0x80, 0xfe, 0xff, 0x100, 0x7fff, 0x8000, 0xfffe, 0xffff,
  0x0001_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
]

/** One change to a row of octets; places are shares of its length, so that it fits any row. */
type Mutation =
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'truncate'; readonly at: number }
  | {
      readonly kind: 'length'
      readonly at: number
      readonly width: 1 | 2 | 4
      readonly value: number
    }
  | { readonly kind: 'insert'; readonly at: number; readonly octets: Uint8Array }
  | { readonly kind: 'remove'; readonly at: number; readonly count: number }
  | { readonly kind: 'repeat'; readonly at: number; readonly count: number; readonly times: number }
  | { readonly kind: 'splice'; readonly at: number; readonly other: Buffer; readonly from: number }

const share = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })

function anyMutation(seeds: readonly Buffer[]): fc.Arbitrary<Mutation> {
  return fc.oneof(
    fc.record({ kind: fc.constant('flip' as const), at: share, bit: fc.nat(7) }),
    fc.record({ kind: fc.constant('truncate' as const), at: share }),
    fc.record({
      kind: fc.constant('length' as const),
      at: share,
      width: fc.constantFrom(1 as const, 2 as const, 4 as const),
      value: fc.constantFrom(...EDGES),
    }),
    fc.record({
      kind: fc.constant('insert' as const),
      at: share,
      octets: fc.uint8Array({ minLength: 1, maxLength: 24 }),
    }),
    fc.record({
      kind: fc.constant('remove' as const),
      at: share,
      count: fc.integer({ min: 1, max: 24 }),
    }),
    fc.record({
      kind: fc.constant('repeat' as const),
      at: share,
      count: fc.integer({ min: 1, max: 24 }),
      times: fc.integer({ min: 1, max: 200 }),
    }),
    fc.record({
      kind: fc.constant('splice' as const),
      at: share,
      other: fc.constantFrom(...seeds),
      from: share,
    }),
  )
}

function applied(octets: Buffer, mutation: Mutation): Buffer {
  const at = Math.floor(mutation.at * octets.length)
  switch (mutation.kind) {
    case 'flip': {
      const flipped = Buffer.from(octets)
      if (at < flipped.length) flipped[at] = (flipped[at] as number) ^ (1 << mutation.bit)
      return flipped
    }
    case 'truncate':
      return octets.subarray(0, at)
    case 'length': {
      const overwritten = Buffer.from(octets)
      const { width, value } = mutation
      if (at + width <= octets.length) {
        overwritten.writeUIntBE(value % 2 ** (8 * width), at, width)
      }
      return overwritten
    }
    case 'insert':
      return Buffer.concat([octets.subarray(0, at), mutation.octets, octets.subarray(at)])
    case 'remove':
      return Buffer.concat([octets.subarray(0, at), octets.subarray(at + mutation.count)])
    case 'repeat': {
      const piece = octets.subarray(at, at + mutation.count)
      const pieces = Array.from({ length: mutation.times }, () => piece)
      return Buffer.concat([octets.subarray(0, at), ...pieces, octets.subarray(at)])
    }
    case 'splice': {
      const { other } = mutation
      return Buffer.concat([
        octets.subarray(0, at),
        other.subarray(Math.floor(mutation.from * other.length)),
      ])
    }
  }
}

/** One of the seeds after up to six changes; the first one as it is now and then. */
export function mutated(seeds: readonly Buffer[]): fc.Arbitrary<Buffer> {
  return fc
    .tuple(fc.constantFrom(...seeds), fc.array(anyMutation(seeds), { maxLength: 6 }))
    .map(([seed, mutations]) => mutations.reduce(applied, seed))
}

/** Octets that look like nothing in particular. */
export function anyOctets(maxLength: number): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ maxLength }).map((octets) => Buffer.from(octets))
}

/**
 * Whole PDUs gone wrong: their command_length is mostly right, so that decoding gets further than
 * that field.
 */
export function mutatedPdus(seeds: readonly Buffer[]): fc.Arbitrary<Buffer> {
  return fc
    .tuple(mutated(seeds), fc.integer({ min: 0, max: 9 }))
    .map(([octets, luck]) => (luck === 0 ? octets : withRightLength(octets)))
}

/** A copy whose command_length says what there is; at least a header. */
export function withRightLength(octets: Buffer): Buffer {
  const whole = Buffer.alloc(Math.max(16, octets.length))
  octets.copy(whole)
  whole.writeUInt32BE(whole.length, 0)
  return whole
}
