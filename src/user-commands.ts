import { eq } from 'drizzle-orm'
import { newPassword } from './accounts/password-rules.ts'
import { ROLES, type Role } from './accounts/roles.ts'
import { type User, Users } from './accounts/users.ts'
import { systemClock } from './core/clock.ts'
import { GatewayError } from './core/errors.ts'
import { openForReading, openStore, type Store, type StoreOptions } from './store/open.ts'
import { tenants } from './store/schema/tenants.ts'
import { sessions } from './store/schema/users.ts'

/** Where the users are, and how the command speaks to its caller. */
export interface UserCommand {
  readonly store: StoreOptions
  readonly say: (line: string) => void
  /** The password to give; undefined: make one. */
  readonly askPassword: () => Promise<string | undefined>
}

/** A user as the command line wants it. */
export interface UserWish {
  readonly email: string
  readonly role: string
  /** Undefined: the part of the address before the @. */
  readonly name: string | undefined
  /** Undefined: of whoever runs the gateway. */
  readonly tenant: string | undefined
}

/** Prints every user; a gateway on PostgreSQL may run meanwhile. */
export async function listUsers({ store: options, say }: UserCommand): Promise<void> {
  const store = await openForReading(options)
  try {
    const names = new Map((await store.db.select().from(tenants)).map(({ id, name }) => [id, name]))
    for (const { email, role, tenantId, isEnabled } of await usersOf(store).list()) {
      const whose = tenantId === null ? '-' : (names.get(tenantId) ?? tenantId)
      const columns = [email.padEnd(40), role.padEnd(9), whose.padEnd(20)]
      say([...columns, isEnabled ? 'active' : 'disabled'].join('  '))
    }
  } finally {
    await store.close()
  }
}

/** Adds a user while the gateway is stopped. */
export async function addUser(command: UserCommand, wish: UserWish): Promise<void> {
  const { email, role, name = email.split('@')[0] ?? email, tenant } = wish
  if (!isRole(role)) {
    throw new GatewayError(
      'role_unknown',
      `there is no role "${role}"; allowed: ${ROLES.join(', ')}`,
    )
  }
  await withUsers(command, async (users, store) => {
    const tenantId = tenant === undefined ? null : await tenantIdOf(store, tenant)
    const given = await command.askPassword()
    const { password } = await users.add({ email, name, role, tenantId, password: given })
    command.say(`${email} is added, ${role}${tenant === undefined ? '' : ` of ${tenant}`}`)
    sayPassword(command, password)
  })
}

/** Gives a user another password while the gateway is stopped; its sessions end. */
export async function resetUserPassword(command: UserCommand, email: string): Promise<void> {
  await withUsers(command, async (users, store) => {
    const { id } = await userNamed(users, email)
    const given = await command.askPassword()
    const password = given ?? newPassword()
    await users.setPassword(id, password, false)
    await endSessions(store, id)
    command.say(`${email} has another password`)
    sayPassword(command, given === undefined ? password : undefined)
  })
}

/** Disables a user while the gateway is stopped; its sessions end. */
export async function disableUser(command: UserCommand, email: string): Promise<void> {
  await withUsers(command, async (users, store) => {
    const { id } = await userNamed(users, email)
    await users.change(id, { isEnabled: false })
    await endSessions(store, id)
    command.say(`${email} is disabled`)
  })
}

async function withUsers(
  { store: options }: UserCommand,
  work: (users: Users, store: Store) => Promise<void>,
): Promise<void> {
  const store = await openStore(options)
  try {
    await work(usersOf(store), store)
  } finally {
    await store.close()
  }
}

function usersOf(store: Store): Users {
  return new Users(store, systemClock)
}

async function userNamed(users: Users, email: string): Promise<User> {
  const user = await users.findByEmail(email)
  if (user) return user
  throw new GatewayError('not_found', `there is no user "${email}"`)
}

async function tenantIdOf(store: Store, name: string): Promise<string> {
  const [row] = await store.db
    .select({ id: tenants.id })
    .from(tenants)
    .where(eq(tenants.name, name))
  if (row) return row.id
  throw new GatewayError(
    'not_found',
    `there is no tenant "${name}"; one of the file is there after the first start with it`,
  )
}

async function endSessions(store: Store, userId: string): Promise<void> {
  await store.db.delete(sessions).where(eq(sessions.user_id, userId))
}

function sayPassword({ say }: UserCommand, password: string | undefined): void {
  if (password !== undefined) say(`Password, shown this once: ${password}`)
}

function isRole(text: string): text is Role {
  return ROLES.some((role) => role === text)
}
