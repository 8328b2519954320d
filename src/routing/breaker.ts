/** When a breaker opens, and how it closes again. */
export interface BreakerOptions {
  /** Failures without a success between them that open it. */
  readonly consecutiveFailures: number
  /** Or this share of failures, 0 to 1, among at least {@link minMessages} of the last {@link windowMs}. */
  readonly failureShare: number
  readonly minMessages: number
  readonly windowMs: number
  /** How long it stays open before the first probe. */
  readonly coolDownMs: number
  /** Where probes fail the next wait is so many times as long, up to {@link maxCoolDownMs}. */
  readonly coolDownGrowth: number
  readonly maxCoolDownMs: number
  /** Messages let through at once while it is half-open. */
  readonly probes: number
  /** Good ones among them that close it. */
  readonly goodProbes: number
}

/** What stands where nothing else is said. */
export const DEFAULT_BREAKER: BreakerOptions = {
  consecutiveFailures: 10,
  failureShare: 0.5,
  minMessages: 20,
  windowMs: 60_000,
  coolDownMs: 30_000,
  coolDownGrowth: 2,
  maxCoolDownMs: 600_000,
  probes: 3,
  goodProbes: 3,
}

/** `closed` lets everything through, `open` nothing, `half_open` a few probes. */
export type BreakerState = 'closed' | 'open' | 'half_open'

/** A breaker as plain data that can be stored. */
export interface BreakerRecord {
  readonly state: BreakerState
  /** When it came into this state, in milliseconds since 1970. */
  readonly sinceMs: number
  /** The wait that it is in, or was in last. */
  readonly coolDownMs: number
}

/** A change of a breaker, and why. */
export interface BreakerChange {
  readonly from: BreakerState
  readonly to: BreakerState
  readonly cause: string
}

/** Parts of the window; what is older than all of them is forgotten part by part. */
const SLICES = 12

/**
 * A circuit breaker: keeps messages from a carrier that fails, and tries it again with a few.
 *
 * Only what tells of the carrier belongs here: not what it says about one message. Every method takes
 * the present and gives the change that it has brought about, if any; nothing happens by itself, so
 * somebody has to {@link tick} once the cool-down is over.
 */
export class Breaker {
  #options: BreakerOptions
  readonly #good = new Int32Array(SLICES)
  readonly #bad = new Int32Array(SLICES)
  /** The slice of time that the latest count is in. */
  #slice = 0
  #state: BreakerState = 'closed'
  #sinceMs = 0
  #coolDownMs: number
  #consecutive = 0
  #probesOut = 0
  #goodProbes = 0

  constructor(options: BreakerOptions = DEFAULT_BREAKER) {
    this.#options = options
    this.#coolDownMs = options.coolDownMs
  }

  get state(): BreakerState {
    return this.#state
  }

  /** Opens and closes by other options from now on; the wait that it is in stays as it is. */
  follow(options: BreakerOptions): void {
    // The slices of another window are of another length.
    if (options.windowMs !== this.#options.windowMs) {
      this.#good.fill(0)
      this.#bad.fill(0)
      this.#slice = 0
    }
    this.#options = options
    if (this.#state === 'open') return
    this.#coolDownMs = Math.min(this.#coolDownMs, options.maxCoolDownMs)
  }

  /** When probes are let through; undefined while it is not open. */
  get halfOpenAtMs(): number | undefined {
    return this.#state === 'open' ? this.#sinceMs + this.#coolDownMs : undefined
  }

  /** Probes that may be sent now; 0 unless it is half-open. */
  get freeProbes(): number {
    return this.#state === 'half_open' ? Math.max(0, this.#options.probes - this.#probesOut) : 0
  }

  /** Lets probes through once the cool-down is over. */
  tick(nowMs: number): BreakerChange | undefined {
    const atMs = this.halfOpenAtMs
    if (atMs === undefined || nowMs < atMs) return undefined
    const seconds = Math.round(this.#coolDownMs / 1_000)
    return this.halfOpen(nowMs, `its cool-down of ${seconds} s is over`)
  }

  /** Lets probes through although the cool-down is not over; without effect unless it is open. */
  halfOpen(nowMs: number, cause: string): BreakerChange | undefined {
    if (this.#state !== 'open') return undefined
    this.#probesOut = 0
    this.#goodProbes = 0
    return this.#change('half_open', nowMs, cause)
  }

  /** A probe is on its way. */
  startProbe(): void {
    this.#probesOut++
  }

  /** A probe has come back without telling anything, or was never sent. */
  dropProbe(): void {
    this.#probesOut = Math.max(0, this.#probesOut - 1)
  }

  /** The carrier has taken a message. */
  succeed(nowMs: number, isProbe: boolean): BreakerChange | undefined {
    if (this.#state === 'closed') {
      this.#consecutive = 0
      this.#count(this.#good, nowMs)
      return undefined
    }
    if (this.#state === 'open' || !isProbe) return undefined
    this.dropProbe()
    this.#goodProbes++
    const { goodProbes } = this.#options
    if (this.#goodProbes < goodProbes) return undefined
    return this.reset(nowMs, `${goodProbes} probes were taken`)
  }

  /**
   * The carrier has failed.
   *
   * @param what - for people: "it refused: ESME_RSYSERR"
   */
  fail(nowMs: number, isProbe: boolean, what: string): BreakerChange | undefined {
    if (this.#state === 'half_open') {
      return isProbe ? this.#reopen(nowMs, `a probe failed: ${what}`) : undefined
    }
    if (this.#state === 'open') return undefined
    this.#consecutive++
    this.#count(this.#bad, nowMs)
    const { consecutiveFailures, failureShare, minMessages, windowMs } = this.#options
    if (this.#consecutive >= consecutiveFailures) {
      return this.#open(nowMs, `${this.#consecutive} failures without a success; ${what}`)
    }
    const bad = sum(this.#bad)
    const all = bad + sum(this.#good)
    if (all < minMessages || bad < failureShare * all) return undefined
    const seconds = Math.round(windowMs / 1_000)
    return this.#open(nowMs, `${bad} of ${all} messages failed within ${seconds} s; ${what}`)
  }

  /** Closes it and forgets what has led to its opening. */
  reset(nowMs: number, cause: string): BreakerChange | undefined {
    this.#good.fill(0)
    this.#bad.fill(0)
    this.#consecutive = 0
    this.#probesOut = 0
    this.#goodProbes = 0
    return this.#state === 'closed' ? undefined : this.#change('closed', nowMs, cause)
  }

  /** What is to be stored. */
  record(): BreakerRecord {
    return { state: this.#state, sinceMs: this.#sinceMs, coolDownMs: this.#coolDownMs }
  }

  /** Goes on where another process has stopped. */
  restore({ state, sinceMs, coolDownMs }: BreakerRecord): void {
    this.#state = state
    this.#sinceMs = sinceMs
    this.#coolDownMs = Math.min(coolDownMs, this.#options.maxCoolDownMs)
  }

  #open(nowMs: number, cause: string): BreakerChange {
    // One that has closed only just now has failed its probes, in a way.
    const closedMs = nowMs - this.#sinceMs
    const isAgain = this.#sinceMs > 0 && closedMs < this.#coolDownMs
    if (isAgain) return this.#reopen(nowMs, cause)
    this.#coolDownMs = this.#options.coolDownMs
    return this.#change('open', nowMs, cause)
  }

  #reopen(nowMs: number, cause: string): BreakerChange {
    const { coolDownGrowth, maxCoolDownMs } = this.#options
    this.#coolDownMs = Math.min(maxCoolDownMs, this.#coolDownMs * coolDownGrowth)
    return this.#change('open', nowMs, cause)
  }

  #change(to: BreakerState, nowMs: number, cause: string): BreakerChange {
    const from = this.#state
    this.#state = to
    this.#sinceMs = nowMs
    return { from, to, cause }
  }

  #count(counts: Int32Array, nowMs: number): void {
    const slice = Math.floor((nowMs * SLICES) / this.#options.windowMs)
    const passed = Math.min(SLICES, slice - this.#slice)
    for (let n = 1; n <= passed; n++) {
      const index = (slice - passed + n) % SLICES
      this.#good[index] = 0
      this.#bad[index] = 0
    }
    this.#slice = Math.max(this.#slice, slice)
    const index = this.#slice % SLICES
    counts[index] = (counts[index] ?? 0) + 1
  }
}

function sum(counts: Int32Array): number {
  let total = 0
  for (let index = 0; index < counts.length; index++) total += counts[index] ?? 0
  return total
}
