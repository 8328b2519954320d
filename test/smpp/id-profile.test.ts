import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ID_PROFILES,
  type IdProfile,
  idsMatch,
  receiptKeys,
  responseKey,
} from '../../src/smpp/id-profile.ts'
import { readVectors } from './vectors.ts'

const { cases } = readVectors<{
  cases: { submitSmRespId: string; receiptId: string; match: boolean; mode: IdProfile }[]
}>('id-match.json')
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const zeros = fc.integer({ min: 0, max: 6 }).map((count) => '0'.repeat(count))
const anyId = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.stringMatching(/^[0-9a-fA-F]{1,20}$/),
  fc.stringMatching(/^[0-9]{1,24}$/),
  fc.uuid(),
)

function found(response: string, receipts: string[], profile: IdProfile): boolean {
  return receiptKeys(receipts, profile).includes(responseKey(response, profile))
}

describe('id profiles', () => {
  for (const { submitSmRespId, receiptId, match, mode } of cases) {
    const verb = match ? 'matches' : 'does not match'
    it(`${submitSmRespId} ${verb} ${receiptId} under ${mode}`, () => {
      expect(idsMatch(submitSmRespId, receiptId, mode)).toBe(match)
      expect(found(submitSmRespId, [receiptId], mode)).toBe(match)
    })
  }

  it('try the same text first, under every profile', () => {
    for (const profile of ID_PROFILES) {
      fc.assert(
        fc.property(anyId, (id) => {
          expect(receiptKeys([id.toUpperCase()], profile)[0]).toBe(
            responseKey(id.toUpperCase(), profile),
          )
          expect(idsMatch(id, id, profile)).toBe(true)
        }),
      )
    }
  })

  it('find every attempt that idsMatch accepts', () => {
    for (const profile of ID_PROFILES) {
      fc.assert(
        fc.property(anyId, anyId, (response, receipt) => {
          if (idsMatch(response, receipt, profile)) {
            expect(found(response, [receipt], profile)).toBe(true)
          }
        }),
      )
    }
  })

  it('convert 64-bit numbers, padded or not, in any case', () => {
    fc.assert(
      fc.property(uint64, zeros, zeros, fc.boolean(), (number, left, right, upper) => {
        const hex = left + (upper ? number.toString(16).toUpperCase() : number.toString(16))
        const decimal = right + number.toString()
        expect(found(hex, [decimal], 'resp-hex')).toBe(true)
        expect(idsMatch(hex, decimal, 'resp-hex')).toBe(true)
        expect(found(decimal, [hex], 'resp-dec')).toBe(true)
        expect(idsMatch(decimal, hex, 'resp-dec')).toBe(true)
        expect(found(left + number.toString(), [decimal], 'strip-zeros')).toBe(true)
        expect(idsMatch(left + number.toString(), decimal, 'strip-zeros')).toBe(true)
      }),
    )
  })

  it('do not match two different 64-bit numbers', () => {
    fc.assert(
      fc.property(uint64, uint64, (one, other) => {
        fc.pre(one !== other)
        expect(idsMatch(one.toString(), other.toString(), 'strip-zeros')).toBe(false)
        const hex = one.toString(16)
        expect(idsMatch(hex, other.toString(), 'resp-hex')).toBe(hex === other.toString())
      }),
    )
  })

  it('never touch the zeros of a UUID', () => {
    fc.assert(
      fc.property(fc.uuid(), (uuid) => {
        const id = `0${uuid.slice(1)}`
        for (const profile of ID_PROFILES) {
          expect(responseKey(id, profile)).toBe(id)
          expect(found(id, [id.slice(1)], profile)).toBe(false)
        }
      }),
    )
  })

  it('try both ids of a receipt', () => {
    expect(receiptKeys(['7bbe6', '0000506854'], 'exact')).toEqual(['7bbe6', '0000506854'])
    expect(found('506854', ['7bbe6', '0000506854'], 'strip-zeros')).toBe(true)
    expect(receiptKeys(['12', '12'], 'resp-hex')).toEqual(['12', 'c'])
    expect(receiptKeys([], 'exact')).toEqual([])
  })

  it('keep keys short, whatever the id', () => {
    const long = 'F'.repeat(60_000)
    for (const profile of ID_PROFILES) {
      expect(responseKey(long, profile).length).toBeLessThanOrEqual(128)
      expect(found(long, [long.toLowerCase()], profile)).toBe(true)
      expect(receiptKeys(['9'.repeat(60_000)], profile)).toHaveLength(1)
    }
  })
})
