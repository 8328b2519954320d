import { and, asc, eq, isNull, ne } from 'drizzle-orm'
import type { Clock } from '../core/clock.ts'
import { GatewayError } from '../core/errors.ts'
import { newId } from '../core/id.ts'
import { OneByOne } from '../core/one-by-one.ts'
import { hashPassword, PASSWORD_COST, type PasswordCost } from '../core/password.ts'
import { available } from '../store/available.ts'
import type { Store } from '../store/open.ts'
import { users } from '../store/schema/users.ts'
import { checkPassword, newPassword } from './password-rules.ts'
import type { Role } from './roles.ts'

/** A user of the console. */
export interface User {
  readonly id: string
  /** In small letters. */
  readonly email: string
  readonly name: string
  readonly role: Role
  /** Null: of whoever runs the gateway. */
  readonly tenantId: string | null
  readonly isEnabled: boolean
  readonly passwordHash: string
  /** Somebody else has chosen the password. */
  readonly hasFirstPassword: boolean
  readonly createdAt: Date
}

/** A user as somebody wants it. */
export interface NewUser extends Pick<User, 'email' | 'name' | 'role' | 'tenantId'> {
  /** Undefined: one is made. */
  readonly password?: string | undefined
}

/** What is to be otherwise about a user. */
export type UserChange = Partial<Pick<User, 'name' | 'role' | 'isEnabled'>>

const EMAIL = /^[^\s@]{1,64}@[^\s@]{1,255}$/

/**
 * The users of the console, in the database.
 *
 * Every method throws a GatewayError `storage_unavailable` while the database is away.
 */
export class Users {
  readonly #store: Store
  readonly #clock: Clock
  readonly #passwordCost: PasswordCost
  /** Owners are counted before one is changed. */
  readonly #changes = new OneByOne()

  /** @param passwordCost - of the hashes of passwords; tests make cheap ones */
  constructor(store: Store, clock: Clock, passwordCost = PASSWORD_COST) {
    this.#store = store
    this.#clock = clock
    this.#passwordCost = passwordCost
  }

  /** A hash that costs as much as those of users. */
  hash(password: string): Promise<string> {
    return hashPassword(password, this.#passwordCost)
  }

  /**
   * Those of a tenant, by their e-mail addresses.
   *
   * @param tenantId - null: those of whoever runs the gateway; undefined: all
   */
  async list(tenantId?: string | null): Promise<User[]> {
    const rows = await available(
      this.#store.db
        .select()
        .from(users)
        .where(tenantId === undefined ? undefined : isOf(tenantId))
        .orderBy(asc(users.email)),
    )
    return rows.map(userOf)
  }

  async find(id: string): Promise<User | undefined> {
    const [row] = await available(this.#store.db.select().from(users).where(eq(users.id, id)))
    return row && userOf(row)
  }

  async findByEmail(email: string): Promise<User | undefined> {
    const [row] = await available(
      this.#store.db.select().from(users).where(eq(users.email, email.toLowerCase())),
    )
    return row && userOf(row)
  }

  /**
   * Adds a user.
   *
   * @returns `password`: the one that was made, to be shown this once; undefined where one was given
   * @throws {GatewayError} `user_exists`, `email_invalid`, `password_invalid`
   */
  async add(wish: NewUser): Promise<{ user: User; password: string | undefined }> {
    const email = wish.email.toLowerCase()
    if (!EMAIL.test(email)) {
      throw new GatewayError('email_invalid', `"${wish.email}" is no e-mail address`, {
        pointer: '/email',
      })
    }
    const password = wish.password ?? newPassword()
    checkPassword(password, email)
    const user: User = {
      id: newId(),
      email,
      name: wish.name,
      role: wish.role,
      tenantId: wish.tenantId,
      isEnabled: true,
      passwordHash: await this.hash(password),
      hasFirstPassword: true,
      createdAt: this.#clock(),
    }
    const added = await available(
      this.#store.db
        .insert(users)
        .values(rowOf(user))
        .onConflictDoNothing({ target: users.email })
        .returning({ id: users.id }),
    )
    if (added.length === 0) {
      throw new GatewayError('user_exists', `there is a user "${email}"`, { pointer: '/email' })
    }
    return { user, password: wish.password === undefined ? password : undefined }
  }

  /**
   * Changes a user.
   *
   * @throws {GatewayError} `not_found`; `last_owner` where nobody else could make the change undone
   */
  change(id: string, change: UserChange): Promise<User> {
    return this.#changes.run(['owners'], async () => {
      const before = await this.#present(id)
      const after = { ...before, ...change }
      const wasOwner = before.role === 'owner' && before.isEnabled
      if (wasOwner && !(after.role === 'owner' && after.isEnabled)) await this.#refuseLast(before)
      const { name, role, isEnabled } = after
      await available(
        this.#store.db
          .update(users)
          .set({ name, role, is_enabled: isEnabled })
          .where(eq(users.id, id)),
      )
      return after
    })
  }

  /**
   * Gives a user another password.
   *
   * @param isOwn - the user has chosen it
   * @throws {GatewayError} `not_found`, `password_invalid`
   */
  async setPassword(id: string, password: string, isOwn: boolean): Promise<void> {
    const { email } = await this.#present(id)
    checkPassword(password, email)
    const password_hash = await this.hash(password)
    await available(
      this.#store.db
        .update(users)
        .set({ password_hash, has_first_password: !isOwn })
        .where(eq(users.id, id)),
    )
  }

  async #present(id: string): Promise<User> {
    const user = await this.find(id)
    if (user) return user
    throw new GatewayError('not_found', `there is no user with the id "${id}"`)
  }

  async #refuseLast({ id, email, tenantId }: User): Promise<void> {
    const others = await available(
      this.#store.db
        .select({ id: users.id })
        .from(users)
        .where(
          and(
            isOf(tenantId),
            eq(users.role, 'owner'),
            eq(users.is_enabled, true),
            ne(users.id, id),
          ),
        )
        .limit(1),
    )
    if (others.length > 0) return
    throw new GatewayError('last_owner', `"${email}" is the last owner: make another one first`)
  }
}

function isOf(tenantId: string | null) {
  return tenantId === null ? isNull(users.tenant_id) : eq(users.tenant_id, tenantId)
}

/** A user as a row of the table has it. */
export function userOf(row: typeof users.$inferSelect): User {
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    role: row.role as Role,
    tenantId: row.tenant_id,
    isEnabled: row.is_enabled,
    passwordHash: row.password_hash,
    hasFirstPassword: row.has_first_password,
    createdAt: row.created_at,
  }
}

function rowOf(user: User): typeof users.$inferInsert {
  return {
    id: user.id,
    email: user.email,
    name: user.name,
    role: user.role,
    tenant_id: user.tenantId,
    is_enabled: user.isEnabled,
    password_hash: user.passwordHash,
    has_first_password: user.hasFirstPassword,
    created_at: user.createdAt,
  }
}
