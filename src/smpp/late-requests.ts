import type { CommandName, Pdu } from './pdu.ts'
import { mayAnswer } from './session-rules.ts'

/** Requests that are remembered after their timeout, and for how long. */
const MAX_REQUESTS = 10_000
const MAX_AGE_MS = 600_000

interface LateRequest {
  readonly command: CommandName
  readonly since: number
  readonly tell: (response: Pdu) => void
}

/**
 * The requests of one session that have timed out: their responses may still come.
 *
 * A sequence number is given out again only after two thousand million others, so within the time
 * kept here it means one request.
 */
export class LateRequests {
  /** Oldest first, because they are added in the order of their timeouts. */
  readonly #waiting = new Map<number, LateRequest>()

  get size(): number {
    return this.#waiting.size
  }

  /** Remembers a request whose time is over; the oldest is forgotten where there are too many. */
  add(
    sequenceNumber: number,
    command: CommandName,
    tell: (response: Pdu) => void,
    now: number,
  ): void {
    this.#forgetOld(now)
    if (this.#waiting.size >= MAX_REQUESTS) {
      const [oldest] = this.#waiting.keys()
      if (oldest !== undefined) this.#waiting.delete(oldest)
    }
    this.#waiting.set(sequenceNumber, { command, since: now, tell })
  }

  /** Ends the wait of a request that a response answers; gives whom to tell, if anybody waits. */
  take(
    { sequence_number, command }: Pick<Pdu, 'sequence_number' | 'command'>,
    now: number,
  ): ((response: Pdu) => void) | undefined {
    if (this.#waiting.size === 0) return undefined
    this.#forgetOld(now)
    const found = this.#waiting.get(sequence_number)
    if (found === undefined || !mayAnswer(command, found.command)) return undefined
    this.#waiting.delete(sequence_number)
    return found.tell
  }

  /** The session is over: nothing comes any more. */
  clear(): void {
    this.#waiting.clear()
  }

  #forgetOld(now: number): void {
    for (const [sequenceNumber, { since }] of this.#waiting) {
      if (now - since < MAX_AGE_MS) return
      this.#waiting.delete(sequenceNumber)
    }
  }
}
