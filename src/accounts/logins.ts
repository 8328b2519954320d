import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { GatewayError } from '../core/errors.ts'
import { LoginFailures } from '../core/login-failures.ts'
import { PasswordCheck } from '../core/password-check.ts'
import type { Access } from './access.ts'
import type { Session, Sessions } from './sessions.ts'
import type { User, Users } from './users.ts'

/** What {@link Logins} work with. */
export interface LoginsOptions {
  readonly users: Users
  readonly sessions: Sessions
  readonly access: Access
  /** What counts as one address where failures are counted. */
  readonly groupOf: (address: string) => string
}

/** Somebody who wants to sign in. */
export interface LoginWish extends Pick<Session, 'address' | 'userAgent'> {
  readonly email: string
  readonly password: string
}

/** The longest wait of a login after failures, in milliseconds. */
const MAX_DELAY_MS = 5_000

/** Judges who may sign in. Who is not known is answered as one with a wrong password, and as late. */
export class Logins {
  readonly #options: LoginsOptions
  readonly #failures = new LoginFailures(MAX_DELAY_MS)
  readonly #passwords = new PasswordCheck()
  /** Of a password that nobody has. */
  readonly #nobody: string

  private constructor(options: LoginsOptions, nobody: string) {
    this.#options = options
    this.#nobody = nobody
  }

  static async open(options: LoginsOptions): Promise<Logins> {
    return new Logins(options, await options.users.hash(randomBytes(32).toString('base64url')))
  }

  /**
   * Signs somebody in.
   *
   * @throws {GatewayError} `login_refused`; `busy` while too many try, retryable
   */
  async begin({ email, password, ...from }: LoginWish): ReturnType<Sessions['begin']> {
    const { users, sessions } = this.#options
    const user = await this.#judged(email.toLowerCase(), password, from.address, () =>
      users.findByEmail(email),
    )
    const begun = await sessions.begin(user, from)
    // A change meanwhile has ended all sessions but this one.
    if (isDeepStrictEqual(await users.find(user.id), user)) return begun
    await sessions.end(begun.session.id)
    throw refused()
  }

  /**
   * Lets a user choose another password; all its other sessions end.
   *
   * @throws {GatewayError} `login_refused` for a wrong old one; `password_invalid`; `busy`
   */
  async changePassword(
    { id, sessionId }: { readonly id: string; readonly sessionId: string },
    { oldPassword, password }: { readonly oldPassword: string; readonly password: string },
    address: string,
  ): Promise<void> {
    const { users, sessions } = this.#options
    const user = await users.find(id)
    if (!user) throw refused()
    await this.#judged(user.email, oldPassword, address, () => Promise.resolve(user))
    await users.setPassword(id, password, true)
    await sessions.endOf(id, sessionId)
  }

  /** The user, if the password is right. */
  async #judged(
    email: string,
    password: string,
    address: string,
    find: () => Promise<User | undefined>,
  ): Promise<User> {
    const group = this.#options.groupOf(address)
    if (!(await this.#failures.wait(group, email, performance.now()))) throw busy()
    const user = await find()
    const mayEnter = user && this.#mayEnter(user)
    const verdict = await this.#passwords.check(email, password, user?.passwordHash ?? this.#nobody)
    if (verdict === 'busy') throw busy()
    if (verdict === 'right' && user && mayEnter) {
      this.#failures.succeeded(group, email, performance.now())
      return user
    }
    // Counted for addresses that nobody has, too: the wait must not tell which there are.
    this.#failures.failed(group, email, performance.now())
    throw refused()
  }

  #mayEnter({ isEnabled, tenantId }: User): boolean {
    return (
      isEnabled && (tenantId === null || this.#options.access.openTenant(tenantId) !== undefined)
    )
  }
}

function refused(): GatewayError {
  return new GatewayError('login_refused', 'there is no such user, or the password is wrong')
}

function busy(): GatewayError {
  return new GatewayError('busy', 'too many try to sign in: try again in a second', {
    retryable: true,
  })
}
