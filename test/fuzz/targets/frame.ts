import fc from 'fast-check'
import { FrameError } from '../../../src/smpp/errors.ts'
import { FrameDecoder } from '../../../src/smpp/frame.ts'
import { withAllocationLimit } from '../allocation.ts'
import { anyOctets, mutated, withRightLength } from '../mutation.ts'
import { PDU_SEEDS } from '../seeds.ts'
import type { FuzzTarget } from '../target.ts'

const MAX_OCTETS = 5_000
/** What the decoder allocates for the first octets of a PDU, however few. */
const FIRST_CAPACITY = 256

interface Stream {
  readonly octets: Buffer
  /** Where it is cut, as shares of its length. */
  readonly cuts: readonly number[]
}

const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 })
const pieces = fc.array(
  fc.oneof(
    fc.constantFrom(...PDU_SEEDS),
    mutated(PDU_SEEDS).map(withRightLength),
    mutated(PDU_SEEDS),
    anyOctets(40),
  ),
  { maxLength: 6 },
)

/** A TCP stream cut anywhere: the PDUs that come out are the octets that went in. */
export const frameTarget: FuzzTarget<Stream> = {
  name: 'frame decoder',
  cases: fc.record({ octets: pieces.map((all) => Buffer.concat(all)), cuts }),
  check({ octets, cuts }) {
    const decoder = new FrameDecoder({ maxOctets: MAX_OCTETS })
    const frames: Buffer[] = []
    let given = 0
    let failure: unknown
    for (const chunk of chunksOf(octets, cuts)) {
      given += chunk.length
      try {
        frames.push(...withAllocationLimit(FIRST_CAPACITY + 2 * given, () => decoder.push(chunk)))
      } catch (error) {
        failure = error
        break
      }
      const held = decoder.bufferedOctets
      if (held > given) throw new Error(`holds ${held} octets of ${given} given`)
      if (decoder.failure !== undefined) break
    }
    if (failure !== undefined && !(failure instanceof FrameError)) throw failure
    const whole = Buffer.concat(frames)
    if (!whole.equals(octets.subarray(0, whole.length)))
      throw new Error('the PDUs are not the stream')
    for (const frame of frames) {
      if (frame.length !== frame.readUInt32BE(0)) throw new Error('a PDU is cut elsewhere')
    }
    if (decoder.failure !== undefined) return 'broken'
    if (whole.length + decoder.bufferedOctets !== octets.length) throw new Error('octets are lost')
    return decoder.bufferedOctets > 0 ? 'waiting' : 'whole'
  },
}

function chunksOf(octets: Buffer, cuts: readonly number[]): Buffer[] {
  const places = cuts.map((cut) => Math.floor(cut * octets.length)).sort((a, b) => a - b)
  const chunks: Buffer[] = []
  let start = 0
  for (const place of [...places, octets.length]) {
    // A copy, because the decoder may keep views of what it is given.
    chunks.push(Buffer.from(octets.subarray(start, place)))
    start = place
  }
  return chunks
}
