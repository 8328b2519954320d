import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { isPasswordHash, isPasswordOf } from './password.ts'

/** What is known of a password: `busy` when too many are being looked at to say. */
export type PasswordVerdict = 'right' | 'wrong' | 'busy'

/** Of the four threads that files and names need too: UV_THREADPOOL_SIZE. */
const MAX_RUNNING = 2
/** About ten seconds of work. */
const MAX_WAITING = 100

/**
 * Compares passwords that are given with those of the accounts.
 *
 * A hash costs a tenth of a second of a core. The password that was last found right for an account is kept as a
 * keyed digest, so that a partner with many sessions costs this once; the same password tried by many
 * at a time is looked at once.
 */
export class PasswordCheck {
  readonly #secret = randomBytes(32)
  /** Digest of the right password of an account and of the hash that it was found right by. */
  readonly #right = new Map<string, Buffer>()
  readonly #running = new Map<string, Promise<PasswordVerdict>>()
  readonly #waiting: (() => void)[] = []
  #active = 0

  /** @param stored - the password of the account, or its hash */
  check(account: string, given: string, stored: string): Promise<PasswordVerdict> {
    if (!isPasswordHash(stored)) {
      const isRight = timingSafeEqual(this.#digest(given), this.#digest(stored))
      return Promise.resolve(isRight ? 'right' : 'wrong')
    }
    const digest = this.#digest(`${stored}\n${given}`)
    const known = this.#right.get(account)
    if (known && timingSafeEqual(known, digest)) return Promise.resolve('right')
    const key = `${account} ${digest.toString('hex')}`
    let running = this.#running.get(key)
    if (!running) {
      running = this.#compute(account, given, stored, digest).finally(() =>
        this.#running.delete(key),
      )
      this.#running.set(key, running)
    }
    return running
  }

  async #compute(
    account: string,
    given: string,
    stored: string,
    digest: Buffer,
  ): Promise<PasswordVerdict> {
    if (this.#active >= MAX_RUNNING) {
      if (this.#waiting.length >= MAX_WAITING) return 'busy'
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    this.#active++
    try {
      if (!(await isPasswordOf(given, stored))) return 'wrong'
      this.#right.set(account, digest)
      return 'right'
    } finally {
      this.#active--
      this.#waiting.shift()?.()
    }
  }

  #digest(text: string): Buffer {
    return createHmac('sha256', this.#secret).update(text).digest()
  }
}
