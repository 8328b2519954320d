/** What is remembered at most, of addresses and accounts and pairs of both. */
const MAX_REMEMBERED = 10_000
/** After so long without another failure, all is forgotten. */
const FORGET_AFTER_MS = 15 * 60_000
const FIRST_DELAY_MS = 250
/** Failures after which an address is no longer taken for the account's own. */
const MAX_FAILURES_OF_KNOWN = 5
/** Logins that wait because others have failed. */
const MAX_WAITING = 1_000

interface Failures {
  count: number
  at: number
}

/**
 * Remembers logins that failed, binds of partners and those of users, so that guessing passwords becomes slow: the wait
 * before the next try is judged doubles with each failure of an address, and of an account.
 *
 * An address from which an account has logged in before need not wait, or a stranger's tries would keep its
 * owner out; a few failures of its own end that. `now` is in milliseconds of any steady clock.
 */
export class LoginFailures {
  readonly #maxDelayMs: number
  readonly #byAddress = new Map<string, Failures>()
  readonly #byAccount = new Map<string, Failures>()
  /** Addresses from which an account has logged in, and failures there since. */
  readonly #known = new Map<string, Failures>()
  #waiting = 0

  /** @param maxDelayMs - the longest wait */
  constructor(maxDelayMs: number) {
    this.#maxDelayMs = maxDelayMs
  }

  /**
   * How long a try has to wait before it is looked at.
   *
   * @param address - where it comes from, as addresses are counted
   */
  delayMs(address: string, account: string, now: number): number {
    if (this.#known.has(pairOf(address, account))) return 0
    return Math.max(
      this.#delayOf(this.#byAddress, address, now),
      this.#delayOf(this.#byAccount, account, now),
    )
  }

  /** Resolves when a try may be looked at; at once with false when too many wait already. */
  async wait(address: string, account: string, now: number): Promise<boolean> {
    const delayMs = this.delayMs(address, account, now)
    if (delayMs === 0) return true
    if (this.#waiting >= MAX_WAITING) return false
    this.#waiting++
    // The process need not stay for it.
    await new Promise((resolve) => setTimeout(resolve, delayMs).unref())
    this.#waiting--
    return true
  }

  /**
   * A try has failed.
   *
   * @param account - has its next tries wait, too, wherever they come from; undefined: none has
   */
  failed(address: string, account: string | undefined, now: number): void {
    count(this.#byAddress, address, now)
    if (account === undefined) return
    count(this.#byAccount, account, now)
    const pair = pairOf(address, account)
    const known = this.#known.get(pair)
    if (known && ++known.count >= MAX_FAILURES_OF_KNOWN) this.#known.delete(pair)
  }

  /** A try has brought the right password. */
  succeeded(address: string, account: string, now: number): void {
    remember(this.#known, pairOf(address, account), { count: 0, at: now })
  }

  #delayOf(failures: Map<string, Failures>, key: string, now: number): number {
    const found = failures.get(key)
    if (!found) return 0
    if (now - found.at >= FORGET_AFTER_MS) {
      failures.delete(key)
      return 0
    }
    return Math.min(this.#maxDelayMs, FIRST_DELAY_MS * 2 ** (found.count - 1))
  }
}

function pairOf(address: string, account: string): string {
  return `${address} ${account}`
}

function count(failures: Map<string, Failures>, key: string, now: number): void {
  const found = failures.get(key)
  const isFresh = found !== undefined && now - found.at < FORGET_AFTER_MS
  remember(failures, key, { count: isFresh ? found.count + 1 : 1, at: now })
}

/** Puts it last, and lets go of what was put there longest ago. */
function remember(entries: Map<string, Failures>, key: string, value: Failures): void {
  entries.delete(key)
  entries.set(key, value)
  if (entries.size <= MAX_REMEMBERED) return
  const [oldest] = entries.keys()
  if (oldest !== undefined) entries.delete(oldest)
}
