/** The times of one session, in milliseconds; 0 switches a timer off. */
export interface TimerSettings {
  /** From the connection to the bind. */
  readonly sessionInitMs: number
  /** Silence of the peer before we send `enquire_link`. */
  readonly enquireLinkMs: number
  /** Silence after our `enquire_link` or `unbind` before we give up. */
  readonly answerTimeoutMs: number
  /** Silence of the peer before we close, whether or not we ask with `enquire_link`. */
  readonly inactivityMs: number
  /** How long the peer may leave our octets unread. */
  readonly writeTimeoutMs: number
}

/** What a session has to do now. */
export type TimerAction =
  | 'none'
  | 'send_enquire_link'
  | 'close_not_bound'
  | 'close_no_answer'
  | 'close_inactive'
  | 'close_slow_reader'
  | 'close_unbind_timeout'

/**
 * The timers of a session as plain state: told what happens, asked what is due.
 *
 * Any PDU from the peer counts as life, not only an `enquire_link_resp`.
 *
 * @see SMPP v3.4, section 7.2 (timer definitions)
 */
export class SessionTimers {
  #settings: TimerSettings
  readonly #startedAt: number
  #isBound = false
  #lastReceivedAt: number
  #askedAt: number | undefined
  #blockedAt: number | undefined
  #unbindSentAt: number | undefined

  /** @param now - when the connection was made, on the caller's clock in milliseconds */
  constructor(settings: TimerSettings, now: number) {
    this.#settings = settings
    this.#startedAt = now
    this.#lastReceivedAt = now
  }

  /** Other times from now on; what is counted already goes on. */
  set settings(settings: TimerSettings) {
    this.#settings = settings
  }

  /** A PDU came, of any kind. */
  received(now: number): void {
    this.#lastReceivedAt = now
    this.#askedAt = undefined
  }

  bound(now: number): void {
    this.#isBound = true
    this.#lastReceivedAt = now
  }

  unbindSent(now: number): void {
    this.#unbindSentAt = now
  }

  /** The socket takes no more octets. */
  blocked(now: number): void {
    this.#blockedAt ??= now
  }

  /** The socket takes octets again. */
  unblocked(): void {
    this.#blockedAt = undefined
  }

  /**
   * Says what is due; call it a few times per shortest timer.
   *
   * `send_enquire_link` is said once per silence and taken as done.
   */
  tick(now: number): TimerAction {
    const { sessionInitMs, enquireLinkMs, answerTimeoutMs, inactivityMs, writeTimeoutMs } =
      this.#settings
    if (isDue(this.#blockedAt, writeTimeoutMs, now)) return 'close_slow_reader'
    if (isDue(this.#unbindSentAt, answerTimeoutMs, now)) return 'close_unbind_timeout'
    if (!this.#isBound) {
      return isDue(this.#startedAt, sessionInitMs, now) ? 'close_not_bound' : 'none'
    }
    if (isDue(this.#askedAt, answerTimeoutMs, now)) return 'close_no_answer'
    if (isDue(this.#lastReceivedAt, inactivityMs, now)) return 'close_inactive'
    if (this.#askedAt === undefined && isDue(this.#lastReceivedAt, enquireLinkMs, now)) {
      this.#askedAt = now
      return 'send_enquire_link'
    }
    return 'none'
  }
}

function isDue(since: number | undefined, afterMs: number, now: number): boolean {
  return since !== undefined && afterMs > 0 && now - since >= afterMs
}
