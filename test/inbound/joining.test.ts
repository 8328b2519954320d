import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type JoinedParts, joinParts, type PartGroup } from '../../src/inbound/joining.ts'
import { readParts, writeParts } from '../../src/inbound/part-codec.ts'
import { inboundPart, longPart } from './parts.ts'

const AT = new Date('2026-05-06T07:08:09Z')

/** What the tables would hold: joins parts batch by batch. */
class Stored {
  groups: PartGroup[] = []
  readonly joined: JoinedParts[] = []

  take(...parts: readonly ReturnType<typeof longPart>[]): JoinedParts[] {
    const joining = joinParts(
      this.groups,
      parts.map((part) => ({ part, at: AT })),
    )
    const kept = this.groups
      .filter(({ id }) => !joining.gone.includes(id))
      .map((group) => (joining.done.includes(group.id) ? { ...group, doneAt: AT } : group))
    const byId = new Map(kept.map((group) => [group.id, group]))
    for (const { group, part } of joining.fresh) {
      const known = byId.get(group.id) ?? { ...group, parts: [] }
      byId.set(group.id, { ...known, parts: [...known.parts, part] })
    }
    this.groups = [...byId.values()]
    this.joined.push(...joining.joined)
    return [...joining.joined]
  }
}

function textOf({ parts }: JoinedParts): string {
  return parts.map(({ part }) => part.octets.subarray(6).toString('latin1')).join('')
}

describe('joinParts', () => {
  it('hands a message of one part on at once', () => {
    const stored = new Stored()
    const part = inboundPart('hi')
    expect(stored.take(part, part)).toEqual([
      { parts: [{ part, at: AT, sequence: 1 }], total: 1 },
      { parts: [{ part, at: AT, sequence: 1 }], total: 1 },
    ])
    expect(stored.groups).toEqual([])
  })

  it('makes each message whole once, whatever the order, the batches and the repetitions', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 6 }).chain((total) =>
          fc.record({
            total: fc.constant(total),
            order: fc.shuffledSubarray(
              [...Array(total * 3).keys()].map((index) => (index % total) + 1),
              { minLength: total * 3 },
            ),
            cuts: fc.array(fc.nat({ max: total * 3 }), { maxLength: 6 }),
          }),
        ),
        ({ total, order, cuts }) => {
          const stored = new Stored()
          const parts = order.map((sequence) => longPart(7, total, sequence, `<${sequence}>`))
          const edges = [0, ...cuts.sort((a, b) => a - b), parts.length]
          for (const [index, edge] of edges.slice(1).entries()) {
            stored.take(...parts.slice(edges[index], edge))
          }
          const whole = [...Array(total).keys()].map((index) => `<${index + 1}>`).join('')
          expect(stored.joined.map(textOf)).toEqual([whole])
        },
      ),
    )
  })

  it('keeps messages apart by carrier, sender, recipient, reference and number of parts', () => {
    const stored = new Stored()
    const first = longPart(7, 2, 1, 'a')
    stored.take(
      first,
      { ...first, carrier: 'beta' },
      { ...first, from: '+447700900124' },
      { ...first, to: '60124' },
      longPart(8, 2, 1, 'a'),
      longPart(7, 3, 1, 'a'),
    )
    expect(stored.groups).toHaveLength(6)
    expect(stored.take(longPart(7, 2, 2, 'b')).map(textOf)).toEqual(['ab'])
  })

  it('hands the first message on as it is when its reference is used again', () => {
    const stored = new Stored()
    stored.take(longPart(7, 3, 1, 'old 1 '), longPart(7, 3, 3, 'old 3'))
    expect(stored.take(longPart(7, 3, 1, 'new 1 ')).map(textOf)).toEqual(['old 1 old 3'])
    const rest = stored.take(longPart(7, 3, 2, 'new 2 '), longPart(7, 3, 3, 'new 3'))
    expect(rest.map(textOf)).toEqual(['new 1 new 2 new 3'])
    expect(stored.groups).toHaveLength(1)
  })

  it('uses a reference again after its message was whole', () => {
    const stored = new Stored()
    stored.take(longPart(7, 2, 1, 'a'), longPart(7, 2, 2, 'b'))
    stored.take(longPart(7, 2, 2, 'd'), longPart(7, 2, 1, 'c'))
    expect(stored.joined.map(textOf)).toEqual(['ab', 'cd'])
    // In one batch too.
    const other = new Stored()
    const parts = [
      longPart(7, 2, 1, 'a'),
      longPart(7, 2, 2, 'b'),
      longPart(7, 2, 2, 'd'),
      longPart(7, 2, 1, 'c'),
    ]
    expect(other.take(...parts).map(textOf)).toEqual(['ab', 'cd'])
  })

  it('joins parts that say their place in SAR parameters', () => {
    const stored = new Stored()
    const part = (sequence: number, text: string) =>
      inboundPart(text, {
        tlvs: [
          { tag: 0x020c, value: Buffer.from([1, 2]) },
          { tag: 0x020e, value: Buffer.from([2]) },
          { tag: 0x020f, value: Buffer.from([sequence]) },
        ],
      })
    const [whole] = stored.take(part(2, 'b'), part(1, 'a'))
    expect(whole?.parts.map(({ part }) => part.octets.toString())).toEqual(['a', 'b'])
  })
})

describe('part codec', () => {
  it('gives back what was written', () => {
    const parts = [
      longPart(1, 2, 1, '\0\xff'),
      inboundPart('x', { tlvs: [{ tag: 0x1400, value: Buffer.from([0, 1]) }], dataCoding: 8 }),
    ]
    expect(readParts(writeParts(parts))).toEqual(parts)
  })
})
