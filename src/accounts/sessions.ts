import { hash, randomBytes } from 'node:crypto'
import { eq, inArray } from 'drizzle-orm'
import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import { newId } from '../core/id.ts'
import type { Logger } from '../core/logger.ts'
import { available } from '../store/available.ts'
import type { Store } from '../store/open.ts'
import { sessions, users } from '../store/schema/users.ts'
import type { Access } from './access.ts'
import type { Caller } from './caller.ts'
import { scopesOfRole } from './roles.ts'
import { type User, userOf } from './users.ts'

/** How long a session lasts. */
export interface SessionTerms {
  /** Seconds without a request after which it ends. */
  readonly idleSeconds: number
  /** Seconds after which it ends in any case. */
  readonly maxSeconds: number
}

/** One session of a user. */
export interface Session {
  readonly id: string
  readonly user: Pick<User, 'id' | 'email' | 'tenantId' | 'role'>
  readonly createdAt: Date
  readonly lastUsedAt: Date
  /** Where it was begun. */
  readonly address: string
  readonly userAgent: string
}

/** What {@link Sessions} work with. */
export interface SessionsOptions {
  readonly store: Store
  readonly access: Access
  readonly terms: SessionTerms
  readonly clock: Clock
  readonly logger: Logger
}

interface Live extends Session {
  lastUsedAt: Date
  /** What the table has. */
  writtenAt: Date
  readonly tokenHash: string
}

/** Tells tokens of sessions from API keys. */
export const TOKEN_PREFIX = 'lht_'

const WRITE_EVERY_MS = 60_000

/** Who is signed in: in the database, and in memory. */
export class Sessions {
  readonly #options: SessionsOptions
  readonly #byTokenHash: Map<string, Live>
  #terms: SessionTerms
  #writing: Promise<unknown> = Promise.resolve()

  private constructor(options: SessionsOptions, all: readonly Live[]) {
    this.#options = options
    this.#terms = options.terms
    this.#byTokenHash = new Map(all.map((session) => [session.tokenHash, session]))
  }

  static async open(options: SessionsOptions): Promise<Sessions> {
    const rows = await available(
      options.store.db
        .select()
        .from(sessions)
        .innerJoin(users, eq(users.id, sessions.user_id))
        .orderBy(sessions.id),
    )
    const all = rows.map(({ sessions: row, users: user }) => ({
      id: row.id,
      user: userOf(user),
      createdAt: row.created_at,
      lastUsedAt: row.last_used_at,
      writtenAt: row.last_used_at,
      address: row.address,
      userAgent: row.user_agent,
      tokenHash: row.token_hash,
    }))
    const opened = new Sessions(options, all)
    await opened.#forgetEnded()
    return opened
  }

  /** Lets sessions last by other terms from now on, those that are there, too. */
  follow(terms: SessionTerms): void {
    this.#terms = terms
  }

  /** Who has a token; undefined where the session has ended, or its tenant is closed or gone. */
  callerOf(token: string): Caller | undefined {
    const session = this.#byTokenHash.get(hashOf(token))
    if (!session || this.#hasEnded(session)) return undefined
    const { access } = this.#options
    const { id, user } = session
    const isStaff = user.tenantId === null
    const tenant = isStaff ? undefined : access.openTenant(user.tenantId)
    if (!isStaff && !tenant) return undefined
    this.#use(session)
    return {
      name: user.email,
      tenant,
      isOperator: isStaff,
      scopes: scopesOfRole(user.role, isStaff),
      user: { id: user.id, sessionId: id },
    }
  }

  /** Signs a user in; the token is not stored, and can be shown this once. */
  async begin(
    user: Session['user'],
    from: Pick<Session, 'address' | 'userAgent'>,
  ): Promise<{ session: Session; token: string; endsAt: Date }> {
    await this.#forgetEnded()
    const token = `${TOKEN_PREFIX}${randomBytes(32).toString('base64url')}`
    const now = this.#options.clock()
    const tokenHash = hashOf(token)
    const times = { createdAt: now, lastUsedAt: now, writtenAt: now }
    const session: Live = { id: newId(), user, ...times, ...from, tokenHash }
    await available(
      this.#options.store.db.insert(sessions).values({
        id: session.id,
        user_id: user.id,
        token_hash: tokenHash,
        created_at: now,
        last_used_at: now,
        address: from.address,
        user_agent: from.userAgent,
      }),
    )
    this.#byTokenHash.set(tokenHash, session)
    return { session, token, endsAt: new Date(now.getTime() + this.#terms.maxSeconds * 1_000) }
  }

  /** Every session that has not ended, the newest first. */
  list(): Session[] {
    return [...this.#byTokenHash.values()].filter((each) => !this.#hasEnded(each)).reverse()
  }

  /** Ends one session. */
  async end(id: string): Promise<void> {
    await this.#remove((session) => session.id === id)
  }

  /** Ends all sessions of a user at once, except one. */
  async endOf(userId: string, exceptId?: string): Promise<void> {
    await this.#remove((session) => session.user.id === userId && session.id !== exceptId)
  }

  /** Writes when sessions were used last. */
  async close(): Promise<void> {
    for (const session of this.#byTokenHash.values()) {
      if (session.lastUsedAt > session.writtenAt) this.#write(session)
    }
    await this.#writing
  }

  #hasEnded({ createdAt, lastUsedAt }: Session): boolean {
    const now = this.#options.clock().getTime()
    const { idleSeconds, maxSeconds } = this.#terms
    return (
      now >= lastUsedAt.getTime() + idleSeconds * 1_000 ||
      now >= createdAt.getTime() + maxSeconds * 1_000
    )
  }

  #use(session: Live): void {
    session.lastUsedAt = this.#options.clock()
    if (session.lastUsedAt.getTime() - session.writtenAt.getTime() >= WRITE_EVERY_MS) {
      this.#write(session)
    }
  }

  #write(session: Live): void {
    const { store, logger } = this.#options
    const { id, lastUsedAt } = session
    session.writtenAt = lastUsedAt
    const written = store.db
      .update(sessions)
      .set({ last_used_at: lastUsedAt })
      .where(eq(sessions.id, id))
    this.#writing = Promise.all([this.#writing, written]).catch((error: unknown) => {
      logger.warn({ error: messageOf(error) }, 'cannot store when a session was used')
    })
  }

  async #forgetEnded(): Promise<void> {
    await this.#remove((session) => this.#hasEnded(session))
  }

  /** In memory first: they open nothing from then on, whatever the database does. */
  async #remove(isMeant: (session: Live) => boolean): Promise<void> {
    const meant = [...this.#byTokenHash.values()].filter(isMeant)
    if (meant.length === 0) return
    for (const { tokenHash } of meant) this.#byTokenHash.delete(tokenHash)
    const ids = meant.map(({ id }) => id)
    await available(this.#options.store.db.delete(sessions).where(inArray(sessions.id, ids)))
  }
}

/** Tokens are long and random, so a plain SHA-256 keeps them. */
function hashOf(token: string): string {
  return hash('sha256', token, 'hex')
}
