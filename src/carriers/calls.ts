import type { Pacer } from '../smpp/pacer.ts'
import type { SegmentOutcome, SendOptions, SubmitMark } from './carrier.ts'

/** How calls are gathered and let go. */
export interface CallLimits {
  /** Calls at once. */
  readonly connections: number
  /** Most messages of one call. */
  readonly maxBatch: number
  /** How long a message waits for others of its key, in milliseconds. */
  readonly waitMs: number
}

/** What {@link Calls} work with. */
export interface CallsOptions<Message> {
  readonly limits: CallLimits
  readonly pacer: Pacer
  /** Makes one call; gives an outcome for each message, in the same order. Never rejects. */
  readonly call: (messages: readonly Message[]) => Promise<CallResult>
  /** The messages of a call are about to be sent. */
  readonly onWrite: (marks: readonly SubmitMark[]) => void
}

/** What came of a call. */
export interface CallResult {
  readonly outcomes: readonly SegmentOutcome[]
  /** How long the provider wants to be left alone, in milliseconds; 0: it has not said so. */
  readonly retryAfterMs: number
}

interface Waiting<Message> {
  readonly message: Message
  readonly mark: SubmitMark | undefined
  readonly settle: (outcome: SegmentOutcome) => void
}

interface Batch<Message> {
  /** Undefined: others may not join it. */
  readonly key: string | undefined
  readonly waiting: Waiting<Message>[]
  /** An answer tells by the number whose it is: none is in it twice. */
  readonly numbers: Set<string>
  /** The provider has put something of it off: it goes before what waits. */
  isAgain: boolean
  /** It waits for its turn, and no longer for others; until then they may still join it. */
  isReleased: boolean
  timer: NodeJS.Timeout | undefined
}

/** How much the latest call counts in how many messages share one. */
const SHARING_WEIGHT = 0.2

/** A provider may ask for more patience; what waits is better off elsewhere by then. */
const LONGEST_REST_MS = 60_000

/** As for binds: what is journalled waits no longer for its turn. */
const AHEAD_MS = 250
const LEAST_WAIT_MS = 20

/** Gathers messages that may go in one call, and makes as many calls at once as the pace and the connections allow. */
export class Calls<Message extends { readonly to: string }> {
  #limits: CallLimits
  readonly #options: CallsOptions<Message>
  /** Those that others may still join, by key. */
  readonly #open = new Map<string, Batch<Message>>()
  /** In the order in which they go; those that go again first. */
  readonly #again: Batch<Message>[] = []
  readonly #ready: Batch<Message>[] = []
  #waiting = 0
  #active = 0
  /** Messages that have shared a call lately, on average. */
  #sharing: number
  #restingUntil = 0
  /** When the pace lets the next call go, whichever that is; undefined: it has no place yet. */
  #placeAt: number | undefined
  #timer: NodeJS.Timeout | undefined
  #isClosed = false
  #onIdle: (() => void) | undefined

  constructor(options: CallsOptions<Message>) {
    this.#options = options
    this.#limits = options.limits
    this.#sharing = options.limits.maxBatch
  }

  /** Messages that wait for their call. */
  get waiting(): number {
    return this.#waiting
  }

  /**
   * Messages that a call is worth planning for: as many as fit, until calls leave with fewer while others wait that
   * cannot join them; then twice as many as share one, so that it is found out when more can.
   */
  get perCall(): number {
    return Math.min(this.#limits.maxBatch, Math.ceil(2 * this.#sharing))
  }

  /** Milliseconds for which the provider wants to be left alone; 0: it does not. */
  restLeft(now: number): number {
    return Math.max(0, this.#restingUntil - now)
  }

  /**
   * How long the next message had better wait elsewhere, in milliseconds; 0: it may come.
   *
   * @param journalling - messages that are on their way here
   */
  waitFor(journalling: number, now: number): number {
    const { pacer } = this.#options
    const restMs = this.restLeft(now)
    if (restMs > AHEAD_MS) return Math.ceil(restMs - AHEAD_MS)
    if (pacer.isOpen) return 0
    const { perCall } = this
    const soon = Math.max(1, pacer.countIn(AHEAD_MS) * perCall)
    const surplus = this.waiting + journalling + 1 - soon
    if (surplus <= 0) return 0
    const waitMs = surplus / (pacer.countIn(1) * perCall)
    return Math.ceil(Math.max(LEAST_WAIT_MS, waitMs, pacer.pauseLeft(now)))
  }

  /** Goes by other limits from the next call on. */
  follow(limits: CallLimits): void {
    if (limits.maxBatch !== this.#limits.maxBatch) this.#sharing = limits.maxBatch
    this.#limits = limits
    this.#pumpNow()
  }

  /**
   * Sends a message, with others of the same key if there are any in time. Never rejects.
   *
   * @param key - undefined: it goes alone
   */
  send(
    message: Message,
    key: string | undefined,
    { mark, again = false }: SendOptions,
  ): Promise<SegmentOutcome> {
    if (this.#isClosed) return Promise.resolve(CLOSED)
    return new Promise((settle) => {
      const { maxBatch, waitMs } = this.#limits
      const isAlone = key === undefined || maxBatch === 1 || waitMs === 0
      const batch = isAlone ? newBatch<Message>(undefined) : this.#batchFor(key, message, waitMs)
      batch.waiting.push({ message, mark, settle })
      batch.numbers.add(message.to)
      this.#waiting++
      if (again) this.#putFirst(batch)
      if (isAlone || batch.waiting.length >= maxBatch) this.#closeBatch(batch)
    })
  }

  /** Lets what is under way be answered for so long; what has not begun is given back at once. */
  async close(drainMs: number): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    for (const batch of new Set([...this.#open.values(), ...this.#again, ...this.#ready])) {
      clearTimeout(batch.timer)
      for (const { settle } of batch.waiting) settle(CLOSED)
    }
    this.#open.clear()
    this.#again.length = 0
    this.#ready.length = 0
    this.#waiting = 0
    if (this.#active === 0) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve
      timer = setTimeout(resolve, drainMs)
    })
    clearTimeout(timer)
  }

  /** The open batch of a key that has nothing for this number. */
  #batchFor(key: string, { to }: Message, waitMs: number): Batch<Message> {
    const open = this.#open.get(key)
    if (open && !open.numbers.has(to)) return open
    if (open) this.#closeBatch(open)
    const batch = newBatch<Message>(key)
    batch.timer = setTimeout(() => this.#release(batch), waitMs)
    this.#open.set(key, batch)
    return batch
  }

  /** Nobody may join it any more. */
  #closeBatch(batch: Batch<Message>): void {
    if (batch.key !== undefined) this.#open.delete(batch.key)
    this.#release(batch)
  }

  /** It goes when pace and connections let it; a place in it that is free is taken until then. */
  #release(batch: Batch<Message>): void {
    clearTimeout(batch.timer)
    if (batch.isReleased) return
    batch.isReleased = true
    const queue = batch.isAgain ? this.#again : this.#ready
    queue.push(batch)
    this.#pump()
  }

  #putFirst(batch: Batch<Message>): void {
    if (batch.isAgain) return
    batch.isAgain = true
    if (!batch.isReleased) return
    this.#ready.splice(this.#ready.indexOf(batch), 1)
    this.#again.push(batch)
  }

  #pumpNow(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#pump()
  }

  #pump(): void {
    // It waits for the pace, which is that of all calls.
    if (this.#timer !== undefined) return
    while (!this.#isClosed && this.#active < this.#limits.connections) {
      const queue = this.#again.length > 0 ? this.#again : this.#ready
      const [batch] = queue
      if (!batch) return
      const waitMs = this.#paceWait()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pumpNow(), Math.ceil(waitMs))
        return
      }
      this.#placeAt = undefined
      // It may have been gathered when a call might have had more.
      const taken = batch.waiting.splice(0, this.#limits.maxBatch)
      if (batch.waiting.length === 0) {
        queue.shift()
        if (batch.key !== undefined && this.#open.get(batch.key) === batch) {
          this.#open.delete(batch.key)
        }
      }
      this.#waiting -= taken.length
      this.#noteShared(taken.length)
      this.#run(taken)
    }
  }

  /** A call with few messages says nothing while there are no others. */
  #noteShared(messages: number): void {
    if (this.#waiting === 0 && messages <= this.#sharing) return
    this.#sharing += SHARING_WEIGHT * (messages - this.#sharing)
  }

  #paceWait(): number {
    const { pacer } = this.#options
    const now = performance.now()
    const restMs = this.restLeft(now)
    if (pacer.isOpen) return restMs
    this.#placeAt ??= now + pacer.reserve(1, now)
    return Math.max(restMs, this.#placeAt - now, pacer.pauseLeft(now))
  }

  #run(waiting: readonly Waiting<Message>[]): void {
    const { call, onWrite, pacer } = this.#options
    this.#active++
    onWrite(waiting.flatMap(({ mark }) => mark ?? []))
    const writtenAt = performance.now()
    void call(waiting.map(({ message }) => message)).then(({ outcomes, retryAfterMs }) => {
      const now = performance.now()
      const isThrottled = outcomes.some(({ kind }) => kind === 'throttled')
      pacer.answered(isThrottled ? 'throttled' : 'taken', writtenAt, now)
      const restingUntil = now + Math.min(retryAfterMs, LONGEST_REST_MS)
      this.#restingUntil = Math.max(this.#restingUntil, restingUntil)
      for (const [index, { settle }] of waiting.entries()) settle(outcomes[index] ?? UNTOLD)
      this.#active--
      if (this.#active === 0) this.#onIdle?.()
      this.#pump()
    })
  }
}

function newBatch<Message>(key: string | undefined): Batch<Message> {
  return {
    key,
    waiting: [],
    numbers: new Set(),
    isAgain: false,
    isReleased: false,
    timer: undefined,
  }
}

const CLOSED: SegmentOutcome = { kind: 'not_sent', reason: 'its carrier is being closed' }
const UNTOLD: SegmentOutcome = {
  kind: 'uncertain',
  reason: 'the answer says nothing of this message',
}
