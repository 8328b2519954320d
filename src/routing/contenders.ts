import type { Preference } from './decision.ts'

/**
 * What goes over any score, as bits; the lowest comes first. Of those that can take it now, the one
 * that is preferred stands before the ordinary ones; last come those that cannot.
 */
export const TIER = {
  /** It surely delivers less than the strategy asks for. */
  poor: 1,
  /** It is a canary, and the message is not of its share. */
  reserved: 2,
  /** It seems to fake its receipts. */
  suspect: 4,
  /** It is not preferred. */
  ordinary: 8,
  /** It cannot take any now. */
  down: 16,
} as const

const NOBODY = -1
const ALL_BITS = 31

/**
 * The carriers that may take a message, while it is decided who comes first.
 *
 * One for a router, filled anew for every message: figures by place in typed arrays, in the order of
 * the carriers' numbers, of which the first {@link count} count.
 */
export class Contenders {
  count = 0
  readonly carriers: Int32Array
  readonly segments: Int32Array
  /** Of all segments, in millionths of the base currency. */
  readonly costs: Float64Array
  /** Bits of {@link TIER}. */
  readonly tiers: Uint8Array
  /** Lower is better. */
  readonly scores: Float64Array
  /** The place of the first that is tried again after failures; -1: nobody is. */
  probe = NOBODY
  /** What the cheapest asks for a segment; infinity: there is nobody. */
  lowestPrice = Number.POSITIVE_INFINITY
  /** The place of the one that is preferred; -1: nobody. */
  preferred = NOBODY
  preference: Preference | null = null
  /** The places of the best, in order: as many as {@link pick} has said. */
  readonly best: Int32Array

  /** @param most - carriers that there are */
  constructor(most: number) {
    this.carriers = new Int32Array(most)
    this.segments = new Int32Array(most)
    this.costs = new Float64Array(most)
    this.tiers = new Uint8Array(most)
    this.scores = new Float64Array(most)
    this.best = new Int32Array(most)
  }

  /**
   * Begins a decision, once the first places of {@link carriers}, {@link segments}, {@link costs} and {@link tiers}
   * are written.
   *
   * @param probe - the place of the first that is tried again after failures: a few messages are to go there
   * @param lowestPrice - of a segment, in millionths of the base currency
   */
  begin(count: number, probe: number, lowestPrice: number): void {
    this.count = count
    this.probe = probe
    this.lowestPrice = lowestPrice
    this.preferred = NOBODY
    this.preference = null
  }

  /** The place of a carrier; -1: it is none of them. */
  placeOf(carrier: number): number {
    const place = this.carriers.indexOf(carrier)
    return place < this.count ? place : NOBODY
  }

  /** Puts one before those with a better score. */
  prefer(place: number, preference: Preference): void {
    this.tiers[place] = (this.tiers[place] as number) & ~TIER.ordinary
    this.preferred = place
    this.preference = preference
  }

  /** The lowest tier that anybody is in. */
  firstTier(): number {
    let first: number = ALL_BITS
    for (let place = 0; place < this.count; place++) {
      const tier = this.tiers[place] as number
      if (tier < first) first = tier
    }
    return first
  }

  /**
   * Puts the places of the best into {@link best}: by tier, score, and number.
   *
   * @returns how many they are
   */
  pick(most: number): number {
    const { best, count, tiers, scores } = this
    let kept = 0
    // Of the last that is kept, once there are as many as are wanted: most do not come before it.
    let [lastTier, lastScore]: [number, number] = [Number.POSITIVE_INFINITY, 0]
    for (let place = 0; place < count; place++) {
      const tier = tiers[place] as number
      const score = scores[place] as number
      if (tier > lastTier || (tier === lastTier && score >= lastScore)) continue
      let at = kept < most ? kept++ : most - 1
      for (; at > 0; at--) {
        const other = best[at - 1] as number
        const otherTier = tiers[other] as number
        if (otherTier < tier || (otherTier === tier && (scores[other] as number) <= score)) break
        best[at] = other
      }
      best[at] = place
      if (kept < most) continue
      const last = best[kept - 1] as number
      lastTier = tiers[last] as number
      lastScore = scores[last] as number
    }
    return kept
  }
}
