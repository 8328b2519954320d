import fc from 'fast-check'
import { EncodingError } from '../../../src/encoding/errors.ts'
import {
  decodeReassembled,
  type Reassembled,
  Reassembler,
} from '../../../src/encoding/reassembly.ts'
import { anyOctets } from '../mutation.ts'
import type { FuzzTarget } from '../target.ts'

const LIMITS = { timeoutMs: 1_000, rememberMs: 300, maxGroups: 4, maxOctets: 400 }

interface Arrival {
  readonly key: string
  readonly total: number
  readonly sequence: number
  readonly octets: Buffer
  readonly afterMs: number
  readonly tick: boolean
}

const arrivals = fc.array(
  fc.record({
    key: fc.constantFrom('a', 'a', 'b', 'b', 'c', 'd', 'e', 'f'),
    total: fc.constantFrom(1, 2, 2, 2, 3, 3, 255, 0, 256),
    sequence: fc.constantFrom(1, 1, 2, 2, 3, 255, 0),
    octets: fc.oneof(anyOctets(3), anyOctets(160)),
    afterMs: fc.constantFrom(0, 0, 0, 1, 299, 300, 999, 1_000),
    tick: fc.boolean(),
  }),
  { maxLength: 40 },
)

/** Parts in any order, repeated, missing, senseless: each leaves once, and the bounds hold. */
export const reassemblyTarget: FuzzTarget<readonly Arrival[]> = {
  name: 'reassembly',
  cases: arrivals,
  check(parts) {
    const reassembler = new Reassembler<number>(LIMITS)
    const left = new Set<number>()
    let complete = 0
    let now = 0
    const leave = (messages: readonly Reassembled<number>[]) => {
      for (const message of messages) {
        decodeReassembled(message, 0)
        if (message.outcome === 'complete') complete++
        if ((message.outcome === 'complete') !== (message.parts.length === message.total)) {
          throw new Error(`${message.outcome} with ${message.parts.length} of ${message.total}`)
        }
        for (const { source } of message.parts) {
          if (left.has(source)) throw new Error(`part ${source} leaves twice`)
          left.add(source)
        }
      }
    }
    for (const [source, { afterMs, tick, ...part }] of parts.entries()) {
      now += afterMs
      if (tick) leave(reassembler.tick(now))
      const isSensible = part.sequence >= 1 && part.sequence <= part.total && part.total <= 255
      try {
        leave(reassembler.add({ ...part, udh: undefined, source }, now))
        if (!isSensible) throw new Error('a senseless part was taken')
      } catch (error) {
        if (isSensible || !(error instanceof EncodingError)) throw error
      }
      if (reassembler.size > LIMITS.maxGroups) throw new Error(`holds ${reassembler.size} messages`)
      if (reassembler.octets > LIMITS.maxOctets)
        throw new Error(`holds ${reassembler.octets} octets`)
    }
    leave(reassembler.drain())
    if (reassembler.size !== 0 || reassembler.octets !== 0) throw new Error('something stays')
    return complete > 0 ? 'some complete' : 'none complete'
  },
}
