import type { Access } from './accounts/access.ts'
import { Logins } from './accounts/logins.ts'
import { Sessions } from './accounts/sessions.ts'
import { Users } from './accounts/users.ts'
import type { SessionsConfig } from './config/sessions.ts'
import type { Clock } from './core/clock.ts'
import type { Logger } from './core/logger.ts'
import type { PasswordCost } from './core/password.ts'
import type { LivePart } from './live-part.ts'
import { addressGroup, plainAddress } from './smpp/address.ts'
import type { Store } from './store/open.ts'

/** What {@link openSignIn} works with. */
export interface SignInOptions {
  readonly store: Store
  readonly access: Access
  readonly config: SessionsConfig
  readonly clock: Clock
  readonly logger: Logger
  /** Of the hashes of passwords, where it is not the usual one. */
  readonly passwordCost?: PasswordCost
}

/** Users of the console and their sessions, which last as the configuration says. */
export interface SignIn extends LivePart {
  readonly users: Users
  readonly sessions: Sessions
  readonly logins: Logins
}

/** Opens the users of the console, with those who are signed in. */
export async function openSignIn({
  config,
  passwordCost,
  ...options
}: SignInOptions): Promise<SignIn> {
  const { store, access, clock } = options
  const users = new Users(store, clock, passwordCost)
  const sessions = await Sessions.open({ ...options, terms: config })
  const groupOf = (address: string) => addressGroup(plainAddress(address))
  const logins = await Logins.open({ users, sessions, access, groupOf })
  return {
    users,
    sessions,
    logins,
    sections: ['sessions'],
    prepare: async (next) => () => sessions.follow(next.sessions),
  }
}
