import type { LoopPolicy } from '../core/guards.ts'
import type { GuardBreakers, OpenBreaker } from './guard-breakers.ts'

/** What two numbers say to each other; `ours` is the sender of our messages. */
interface Talk {
  /** When the handset wrote last, and nothing has answered it. */
  inboundMs: number
  /** Answers by a machine since `windowMs`. */
  exchanges: number
  windowMs: number
  /** How often the last two texts have come in turn. */
  equal: number
  inboundHash: number
  outboundHash: number
  isOutboundEqual: boolean
}

/** Pairs in memory; those that were silent for longest leave. */
const CAPACITY = 10_000

/**
 * Finds applications that answer each other for ever: a message right after one of the handset, over and over, or the
 * same two texts in turn.
 */
export class Loops {
  readonly #policy: LoopPolicy
  readonly #breakers: GuardBreakers
  readonly #talks = new Map<string, Talk>()

  constructor(policy: LoopPolicy, breakers: GuardBreakers) {
    this.#policy = policy
    this.#breakers = breakers
  }

  /** Pairs in memory. */
  get size(): number {
    return this.#talks.size
  }

  /** A handset has written. */
  noteInbound(from: string, to: string, text: string, nowMs: number): void {
    const key = keyOf(to, from)
    const talk = this.#talks.get(key) ?? newTalk(nowMs)
    this.#talks.delete(key)
    this.#talks.set(key, talk)
    if (this.#talks.size > CAPACITY) {
      for (const oldest of this.#talks.keys()) {
        this.#talks.delete(oldest)
        break
      }
    }
    const hash = hashOf(text)
    talk.equal = hash === talk.inboundHash && talk.isOutboundEqual ? talk.equal + 1 : 0
    talk.inboundHash = hash
    talk.inboundMs = nowMs
  }

  /**
   * Looks at a message to be sent; gives the breaker that is open for it.
   *
   * @param from - the sender as messages have it
   */
  check(from: string, to: string, text: string, nowMs: number): OpenBreaker | undefined {
    // Nobody has written: nothing can be an answer.
    if (this.#talks.size === 0 && this.#breakers.size === 0) return undefined
    const key = keyOf(from, to)
    const open = this.#breakers.size > 0 ? this.#breakers.find(`loop ${key}`, nowMs) : undefined
    if (open) return open
    const talk = this.#talks.get(key)
    if (!talk) return undefined
    const { exchanges, equalTexts, windowSeconds } = this.#policy
    this.#noteOutbound(talk, text, nowMs)
    let reason: string | undefined
    if (talk.exchanges > exchanges) {
      reason = `${talk.exchanges} answers at once within ${windowSeconds} s`
    } else if (talk.equal > 0 && talk.equal + 2 >= equalTexts) {
      // Two exchanges had to pass before the next could be found to be equal.
      reason = `the same two texts ${talk.equal + 2} times in turn`
    }
    if (reason === undefined) return undefined
    this.#talks.delete(key)
    const { action, coolDownSeconds } = this.#policy
    const pair = [digitsOf(from), digitsOf(to)] as const
    const scope = { tenantId: null, prefix: null, country: null, pair }
    const about = { guard: 'loop', scope, action, reason } as const
    return this.#breakers.open(`loop ${key}`, about, nowMs, coolDownSeconds)
  }

  #noteOutbound(talk: Talk, text: string, nowMs: number): void {
    const { replySeconds, windowSeconds } = this.#policy
    const sinceMs = nowMs - talk.inboundMs
    const hash = hashOf(text)
    talk.isOutboundEqual = hash === talk.outboundHash && sinceMs <= windowSeconds * 1_000
    talk.outboundHash = hash
    if (sinceMs > replySeconds * 1_000) return
    // One message of the handset is answered once: a second one to it is no further exchange.
    talk.inboundMs = Number.NEGATIVE_INFINITY
    if (nowMs - talk.windowMs > windowSeconds * 1_000) {
      talk.windowMs = nowMs
      talk.exchanges = 0
    }
    talk.exchanges++
  }
}

function newTalk(nowMs: number): Talk {
  return {
    inboundMs: nowMs,
    exchanges: 0,
    windowMs: nowMs,
    equal: 0,
    inboundHash: 0,
    outboundHash: 0,
    isOutboundEqual: false,
  }
}

function keyOf(ours: string, theirs: string): string {
  return `${digitsOf(ours)} ${digitsOf(theirs)}`
}

function digitsOf(number: string): string {
  return number.startsWith('+') ? number.slice(1) : number
}

/** FNV-1a: texts are compared and not kept. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return hash
}
