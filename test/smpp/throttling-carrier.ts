import type { Pacer } from '../../src/smpp/pacer.ts'

/** A carrier with a limit that it does not tell, and a sender that always has something to send. */
export interface Setting {
  /** Requests per second that it takes. */
  readonly limit: number
  /** How it counts: a bucket of so many requests, or every second by itself. */
  readonly bucket: number | 'each second'
  /** From a request to its answer, in milliseconds. */
  readonly roundTripMs: number
  readonly window: number
}

/** What happened in some time. */
export interface Score {
  readonly taken: number
  readonly throttled: number
}

/** Runs a pacer against such a carrier on a clock of its own, a millisecond a step. */
export class ThrottlingCarrier {
  now = 1_000
  setting: Setting
  readonly #pacer: Pacer
  readonly #answers: {
    readonly at: number
    readonly writtenAt: number
    readonly isTaken: boolean
  }[] = []
  #dueAt: number | undefined
  #tokens: number
  #countedAt = this.now

  readonly #isMoody: () => boolean

  /** @param isMoody - throttles a request whatever the pace is */
  constructor(pacer: Pacer, setting: Setting, isMoody: () => boolean = () => false) {
    this.#isMoody = isMoody
    this.#pacer = pacer
    this.setting = setting
    this.#tokens = this.#depth
  }

  /** @param mayWrite - false while the sender has nothing to send */
  run(seconds: number, mayWrite: (now: number) => boolean = () => true): Score {
    let taken = 0
    let throttled = 0
    for (const end = this.now + seconds * 1_000; this.now < end; this.now++) {
      this.#answer()
      while (mayWrite(this.now) && this.#answers.length < this.setting.window) {
        this.#dueAt ??= this.now + this.#pacer.reserve(1, this.now)
        if (this.#dueAt > this.now || this.#pacer.pauseLeft(this.now) > 0) break
        this.#dueAt = undefined
        const isTaken = !this.#isMoody() && this.#take()
        if (isTaken) taken++
        else throttled++
        this.#answers.push({
          at: this.now + this.setting.roundTripMs,
          writtenAt: this.now,
          isTaken,
        })
      }
    }
    return { taken, throttled }
  }

  #answer(): void {
    while (this.#answers[0] !== undefined && this.#answers[0].at <= this.now) {
      const answer = this.#answers.shift()
      if (!answer) return
      this.#pacer.answered(answer.isTaken ? 'taken' : 'throttled', answer.writtenAt, this.now)
    }
  }

  get #depth(): number {
    const { bucket, limit } = this.setting
    return bucket === 'each second' ? limit : bucket
  }

  #take(): boolean {
    const { bucket, limit } = this.setting
    const elapsedMs = this.now - this.#countedAt
    if (bucket !== 'each second') {
      this.#tokens = Math.min(bucket, this.#tokens + (elapsedMs * limit) / 1_000)
      this.#countedAt = this.now
    } else if (elapsedMs >= 1_000) {
      this.#tokens = limit
      this.#countedAt = this.now
    }
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}
