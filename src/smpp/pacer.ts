/** What an answer says about the pace; any answer that is no request for patience is `taken`. */
export type PaceAnswer = 'taken' | 'throttled' | 'queue_full'

/** No carrier is asked less often than this, in requests per millisecond. */
const SLOWEST = 1 / 1_000
/** An agreed pace may leave in pieces of a tenth of a second, which timers can keep. */
const AGREED_DEPTH_MS = 100
/** A carrier that has complained gets smaller pieces: its own bucket may be no deeper. */
const LEARNT_DEPTH_MS = 40
/** While the carrier's limit is searched, the pace doubles in this time. */
const DOUBLING_MS = 500
/** Growing so fast, a pace is about a third over the limit when its bucket is empty and it says so. */
const SEARCH_KEEPS = 0.7
const SEARCH_PEAK = 0.85
/** What is kept of the pace when it is slowed down: the first time, and again and again at once. */
const KEEPS: readonly number[] = [0.95, 0.95, 0.85, 0.7, 0.5]
/** A second complaint within this time of sending says that the first step was too small. */
const STRIKE_MS = 1_000
/** The pace is back where it was slowed down after so long, and after as many requests. */
const RECOVERY_MS = 10_000
const RECOVERY_REQUESTS = 500
/** How the pace goes on beyond that: 12 % up after twice the time, twice as fast after three times. */
const PROBE_SHARE = 0.12
/** Rest after a complaint; doubles while nothing is taken in between. */
const FIRST_REST_MS: Readonly<Record<'throttled' | 'queue_full', number>> = {
  throttled: 50,
  queue_full: 1_000,
}
const LONGEST_REST_MS: Readonly<Record<'throttled' | 'queue_full', number>> = {
  throttled: 5_000,
  queue_full: 10_000,
}
/** Rest after a complaint that is overlooked: its request is to go again before others pass it. */
const OVERLOOKED_REST_MS = 1
/** The share of complaints is an average over about so many answers. */
const SHARE_ANSWERS = 100
/** A larger share is of the pace; a smaller one may be of something else: one node, one destination. */
const RARE_SHARE = 0.05
const LEAST_NOISE = 0.001
/** How far the average of complaints with another cause may swing above their share. */
const NOISE_SWING = 3
/** Before anything is known of a limit, so many rare complaints are taken at their word all the same. */
const RARE_BELIEVED = 5
/** The share after about a thousand answers without a complaint. */
const NO_SHARE = 1e-6
/** What was taken is counted over a second, in slots. */
const SLOT_MS = 100
const SLOTS = 10

/**
 * Says when the next requests to a carrier may be written: a token bucket whose rate gives way when
 * the carrier throttles and grows again by itself.
 *
 * One is shared by all binds of an account, because that is what carriers limit. Without an agreed
 * rate nothing is held back until the first complaint; then the limit is looked for, from what the
 * carrier has taken within a second, by doubling. From there on each complaint takes 5 % off, and the
 * pace comes back along a cubic curve, flat where the complaint was, so that it stays near the limit
 * for most of the time and goes over it seldom.
 *
 * Rare complaints that go on at half the pace have another cause. Then the limit is looked for again,
 * and only more frequent ones count, until a thousand requests have been taken without any.
 *
 * Plain state; `now` is in milliseconds of any steady clock.
 *
 * @see Ha, Rhee and Xu, "CUBIC: a new TCP-friendly high-speed TCP variant"
 */
export class Pacer {
  /** Requests per millisecond; infinite where none is agreed. */
  #ceiling: number
  #rate: number
  #phase: 'untested' | 'searching' | 'settled' = 'untested'
  #tokens: number
  #refilledAt = 0
  #pausedUntil = 0
  /** Where the last complaint came, and what was left of it. */
  #peak = 0
  #floor = 0
  /** True while the peak is what a search has found: a standstill of ours may have ended it too low. */
  #isGuess = false
  /** Time since the last complaint in which the pace, and nothing else, held requests back. */
  #testedMs = 0
  #slowedAt = Number.NEGATIVE_INFINITY
  #strikes = 0
  #rests = 0
  /** Complaints among the latest answers. */
  #share = 0
  #rareComplaints = 0
  /** The share of complaints that have another cause; 0: none is known. */
  #noise = 0
  /** The pace at which a row of rare complaints began. */
  #rareFrom = 0
  readonly #taken: number[] = new Array<number>(SLOTS).fill(0)
  #slot = 0

  /** @param perSecond - the agreed rate, which is never exceeded; 0: none is known */
  constructor(perSecond: number) {
    this.#ceiling = ceilingOf(perSecond)
    this.#rate = this.#ceiling
    this.#tokens = perSecond === 0 ? 0 : this.#depth
  }

  /** Another rate is agreed: what was learnt below it stays, as does what was given on credit. */
  agree(perSecond: number): void {
    this.#ceiling = ceilingOf(perSecond)
    if (this.#phase === 'untested' || this.#rate > this.#ceiling) this.#rate = this.#ceiling
    if (perSecond > 0) this.#tokens = Math.min(this.#tokens, this.#depth)
  }

  /** True while nothing holds requests back. */
  get isOpen(): boolean {
    return this.#rate === Number.POSITIVE_INFINITY && this.#pausedUntil === 0
  }

  /** The present pace in requests per second; 0: no limit. */
  get perSecond(): number {
    return this.#rate === Number.POSITIVE_INFINITY ? 0 : this.#rate * 1_000
  }

  /**
   * Takes the places of requests that belong together, and says in how many milliseconds they may be
   * written; whoever asks later is later.
   *
   * More than the bucket holds goes on credit, so that the segments of a message leave together; the
   * debt delays those behind it.
   */
  reserve(count: number, now: number): number {
    if (this.#rate === Number.POSITIVE_INFINITY) return this.pauseLeft(now)
    const depth = this.#depth
    this.#refill(now, depth)
    const missing = Math.min(count, depth) - this.#tokens
    this.#tokens -= count
    const restMs = Math.max(0, this.#refilledAt - now)
    return missing <= 0 ? restMs : restMs + Math.ceil(missing / this.#rate)
  }

  /** Milliseconds in which nothing may be written, not even what has its place; 0: none. */
  pauseLeft(now: number): number {
    const leftMs = this.#pausedUntil - now
    if (leftMs > 0) return leftMs
    this.#pausedUntil = 0
    return 0
  }

  /** How many requests leave in some milliseconds; infinite without a limit. */
  countIn(ms: number): number {
    return this.#rate * ms
  }

  /**
   * Learns from an answer.
   *
   * @param writtenAt - when its request was written: what left before the pace was slowed down says
   *   nothing about the new pace
   */
  answered(answer: PaceAnswer, writtenAt: number, now: number): void {
    if (answer === 'taken') {
      this.#share *= 1 - 1 / SHARE_ANSWERS
      if (this.#phase === 'untested') this.#countTaken(now)
      if (writtenAt > this.#slowedAt) this.#rests = 0
      return
    }
    if (this.#share < NO_SHARE) {
      this.#rareComplaints = 0
      this.#noise = 0
      this.#rareFrom = this.#rate
    }
    this.#share += (1 - this.#share) / SHARE_ANSWERS
    if (writtenAt <= this.#slowedAt) return
    if (this.#isOverlooked()) {
      this.#pausedUntil = Math.max(this.#pausedUntil, now + OVERLOOKED_REST_MS)
      return
    }
    const restMs = Math.min(LONGEST_REST_MS[answer], FIRST_REST_MS[answer] * 2 ** this.#rests)
    // Refused again with nothing taken since: its second is not over yet, which says nothing new.
    if (this.#rests === 0) this.#slowDown(now)
    this.#rests++
    this.#slowedAt = now
    this.#pausedUntil = Math.max(this.#pausedUntil, now + restMs)
    this.#refilledAt = Math.max(this.#refilledAt, this.#pausedUntil)
    this.#tokens = Math.min(this.#tokens, 0)
  }

  /** Whether a complaint says nothing about the pace. */
  #isOverlooked(): boolean {
    if (this.#noise > 0) {
      if (this.#share <= RARE_SHARE + NOISE_SWING * this.#noise) return true
      // The limit, this time. The belief fades, in case it was always the limit.
      this.#noise = this.#noise < 2 * LEAST_NOISE ? 0 : this.#noise / 2
      this.#share = this.#noise
      return false
    }
    if (this.#phase === 'untested') {
      return this.#share <= RARE_SHARE && ++this.#rareComplaints < RARE_BELIEVED
    }
    // Its second may not be over yet: only what comes after something was taken is news.
    const isNews = this.#phase === 'settled' && this.#rests === 0
    if (!isNews || this.#share > RARE_SHARE || this.#rate * 2 > this.#rareFrom) return false
    this.#noise = this.#share
    this.#phase = 'searching'
    this.#rate = this.#rareFrom
    return true
  }

  get #depth(): number {
    const ms = this.#phase === 'untested' ? AGREED_DEPTH_MS : LEARNT_DEPTH_MS
    return Math.max(1, this.#rate * ms)
  }

  #refill(now: number, depth: number): void {
    const elapsedMs = now - this.#refilledAt
    if (elapsedMs <= 0) return
    this.#refilledAt = now
    const room = depth - this.#tokens
    this.#tokens += Math.min(room, elapsedMs * this.#rate)
    // While the bucket is full the pace is not what limits, and nothing is learnt about it.
    if (this.#phase !== 'untested') this.#grow(Math.min(elapsedMs, room / this.#rate))
  }

  #grow(testedMs: number): void {
    this.#testedMs += testedMs
    this.#rate = Math.min(
      this.#ceiling,
      this.#phase === 'searching' ? this.#rate * 2 ** (testedMs / DOUBLING_MS) : this.#recovered(),
    )
  }

  get #recoveryMs(): number {
    const fullMs = Math.max(RECOVERY_MS, RECOVERY_REQUESTS / this.#peak)
    return this.#isGuess ? fullMs / 3 : fullMs
  }

  #recovered(): number {
    const progress = this.#testedMs / this.#recoveryMs - 1
    if (progress < 0) return this.#peak + (this.#peak - this.#floor) * progress ** 3
    return this.#peak * (1 + PROBE_SHARE * progress ** 3)
  }

  #slowDown(now: number): void {
    switch (this.#phase) {
      case 'untested':
        this.#phase = 'searching'
        this.#rate = Math.min(this.#ceiling, Math.max(SLOWEST, this.#takenPerMs(now)))
        this.#strikes = 0
        break
      case 'searching':
        this.#phase = 'settled'
        this.#settle(this.#rate * SEARCH_PEAK, this.#rate * SEARCH_KEEPS)
        this.#rareFrom = this.#rate
        this.#isGuess = true
        break
      case 'settled': {
        this.#strikes = this.#testedMs < STRIKE_MS ? this.#strikes + 1 : 0
        const keeps = KEEPS[Math.min(this.#strikes, KEEPS.length - 1)] ?? 1
        // Below the last peak: the limit has come down, or the peak was above it.
        const peak = this.#rate < this.#peak ? (this.#rate * (1 + keeps)) / 2 : this.#rate
        this.#rareFrom = Math.max(this.#rareFrom, this.#rate)
        this.#settle(peak, this.#rate * keeps)
        if (this.#share > RARE_SHARE) this.#rareFrom = this.#rate
        this.#isGuess = false
        break
      }
    }
    this.#testedMs = 0
  }

  #settle(peak: number, floor: number): void {
    this.#floor = Math.min(this.#ceiling, Math.max(SLOWEST, floor))
    this.#peak = Math.max(this.#floor, peak)
    this.#rate = this.#floor
  }

  #countTaken(now: number): void {
    const slot = Math.floor(now / SLOT_MS)
    this.#forgetBefore(slot)
    const index = slot % SLOTS
    this.#taken[index] = (this.#taken[index] ?? 0) + 1
  }

  /** Empties the slots between the last one counted in and this one. */
  #forgetBefore(slot: number): void {
    const stale = Math.min(SLOTS, slot - this.#slot)
    for (let back = 0; back < stale; back++) this.#taken[(slot - back) % SLOTS] = 0
    if (stale > 0) this.#slot = slot
  }

  #takenPerMs(now: number): number {
    this.#forgetBefore(Math.floor(now / SLOT_MS))
    return this.#taken.reduce((sum, count) => sum + count, 0) / (SLOTS * SLOT_MS)
  }
}

/** In requests per millisecond. */
function ceilingOf(perSecond: number): number {
  return perSecond === 0 ? Number.POSITIVE_INFINITY : perSecond / 1_000
}
