import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Network, NetworkPlaces } from '../routing/network.ts'
import { HookBreaker } from './hook-breaker.ts'
import { readLookupAnswer } from './lookup-answer.ts'
import { LookupCache, NO_PLACE } from './lookup-cache.ts'

/** Gets JSON over HTTP; rejects when no answer comes in time. `body` is undefined where it is no JSON. */
export type FetchJson = (
  url: string,
  options: { readonly token: string | undefined; readonly timeoutMs: number },
) => Promise<{ readonly status: number; readonly body: unknown }>

/** How numbers are looked up. */
export interface LookupSettings {
  /** `{number}` in it stands for the digits of the number without `+`. */
  readonly url: string
  /** Sent as bearer token. */
  readonly token: string | undefined
  /** Where MCC and MNC are in the answer: `mccmnc`, `data.network.mccmnc`. */
  readonly field: string
  /** Time for an answer. */
  readonly timeoutMs: number
  /** How long a message waits for it; what comes later counts for the next one. */
  readonly deadlineMs: number
  /** Requests at once. */
  readonly concurrency: number
  /** How long an answer is believed. */
  readonly ttlSeconds: number
  /** How long it is believed that the hook does not know a number. */
  readonly negativeTtlSeconds: number
  readonly cacheEntries: number
  /** Failures in a row after which the hook is left alone, and for how long. */
  readonly maxFailures: number
  readonly pauseSeconds: number
}

/** What a {@link NumberLookup} is built with. */
export interface NumberLookupOptions {
  readonly settings: LookupSettings
  readonly fetchJson: FetchJson
  readonly places: NetworkPlaces
  readonly clock: Clock
  readonly logger: Logger
}

/** How a look-up is doing. */
export interface LookupReport {
  readonly asked: number
  readonly failed: number
  /** Calls that went on without an answer at their deadline. */
  readonly late: number
  readonly cached: number
  readonly isPaused: boolean
}

/** Numbers asked for together; `isOver` once nobody waits for them any more. */
interface Call {
  isOver: boolean
}

interface Waiting {
  /** The latest that wants to know it. */
  call: Call
  readonly done: () => void
  readonly answered: Promise<void>
}

/** Numbers that wait for a free request at most; more are not asked for. */
const MAX_WAITING = 10_000

/** Asks an HTTP service for the networks of numbers, and remembers what it says. */
export class NumberLookup {
  readonly #options: NumberLookupOptions
  readonly #cache: LookupCache
  readonly #breaker: HookBreaker
  /** By number, in the order of the calls. */
  readonly #waiting = new Map<string, Waiting>()
  readonly #asking = new Map<string, Promise<void>>()
  #asked = 0
  #failed = 0
  #late = 0
  #isClosed = false

  constructor(options: NumberLookupOptions) {
    const { cacheEntries, maxFailures, pauseSeconds } = options.settings
    this.#options = options
    this.#cache = new LookupCache(cacheEntries)
    this.#breaker = new HookBreaker(maxFailures, pauseSeconds * 1_000)
  }

  get report(): LookupReport {
    return {
      asked: this.#asked,
      failed: this.#failed,
      late: this.#late,
      cached: this.#cache.size,
      isPaused: this.#breaker.isPaused,
    }
  }

  /** What the hook has said; null: that it does not know; undefined: it was not asked lately. */
  find(e164: string): Network | null | undefined {
    const place = this.#cache.get(e164, this.#nowMs())
    if (place === undefined) return undefined
    return place === NO_PLACE ? null : (this.#options.places.at(place) ?? null)
  }

  /** Asks for the numbers that it has not told lately; resolves at the deadline at the latest. */
  resolve(numbers: Iterable<string>): Promise<void> | undefined {
    if (this.#isClosed) return undefined
    const nowMs = this.#nowMs()
    const call: Call = { isOver: false }
    const answers: Promise<void>[] = []
    for (const number of numbers) {
      if (this.#cache.get(number, nowMs) !== undefined) continue
      const answer = this.#ask(number, nowMs, call)
      if (answer) answers.push(answer)
    }
    return answers.length === 0 ? undefined : this.#patiently(call, answers)
  }

  /** Lets what waits go without an answer, and waits for the requests under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const { done } of this.#waiting.values()) done()
    this.#waiting.clear()
    await Promise.all(this.#asking.values())
  }

  #ask(number: string, nowMs: number, call: Call): Promise<void> | undefined {
    const asking = this.#asking.get(number)
    if (asking) return asking
    const waiting = this.#waiting.get(number)
    if (waiting) {
      waiting.call = call
      return waiting.answered
    }
    if (!this.#breaker.mayAdmit(nowMs)) return undefined
    if (this.#asking.size < this.#options.settings.concurrency) return this.#begin(number)
    if (this.#waiting.size >= MAX_WAITING) return undefined
    let done = () => {}
    const answered = new Promise<void>((resolve) => {
      done = resolve
    })
    this.#waiting.set(number, { call, done, answered })
    return answered
  }

  #begin(number: string): Promise<void> | undefined {
    if (!this.#breaker.admit(this.#nowMs())) return undefined
    const asking = this.#fetch(number).finally(() => {
      this.#asking.delete(number)
      this.#beginWaiting()
    })
    this.#asking.set(number, asking)
    return asking
  }

  #beginWaiting(): void {
    for (const [number, { call, done }] of this.#waiting) {
      if (this.#asking.size >= this.#options.settings.concurrency) return
      this.#waiting.delete(number)
      const asking = call.isOver ? undefined : this.#begin(number)
      if (asking) void asking.then(done)
      else done()
    }
  }

  async #fetch(number: string): Promise<void> {
    const { settings, fetchJson, places } = this.#options
    const { token, timeoutMs, ttlSeconds, negativeTtlSeconds } = settings
    this.#asked++
    try {
      const url = settings.url.replaceAll('{number}', number.replace(/^\+/, ''))
      const answer = await fetchJson(url, { token, timeoutMs })
      const mccmnc = readLookupAnswer(answer, settings.field)
      const forMs = (mccmnc === null ? negativeTtlSeconds : ttlSeconds) * 1_000
      const place = mccmnc === null ? NO_PLACE : places.placeOf(mccmnc)
      this.#cache.set(number, place, this.#nowMs() + forMs)
      this.#breaker.noteSuccess()
    } catch (error) {
      this.#failed++
      if (!this.#breaker.noteFailure(this.#nowMs())) return
      this.#options.logger.warn(
        { error: messageOf(error), pauseSeconds: settings.pauseSeconds },
        'the number look-up fails: it is left alone for a while, and tables tell the networks',
      )
    }
  }

  async #patiently(call: Call, answers: readonly Promise<void>[]): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        call.isOver = true
        resolve()
      }, this.#options.settings.deadlineMs)
    })
    await Promise.race([Promise.all(answers), deadline])
    clearTimeout(timer)
    if (call.isOver) this.#late++
  }

  #nowMs(): number {
    return this.#options.clock().getTime()
  }
}
