import { z } from '@hono/zod-openapi'
import { ROLES } from '../../accounts/roles.ts'

const role = z.enum(ROLES)
const status = z.enum(['active', 'disabled'])
const email = z.string().max(320).openapi({ example: 'ann@example.com' })
const name = z.string().min(1).max(100)
const password = z.string().max(1_000).openapi({ description: '12 to 200 characters.' })
const tenant = z.string().nullable().openapi({ description: 'null: of whoever runs the gateway.' })
const firstPassword = z
  .string()
  .nullable()
  .openapi({ description: 'The one that was made, shown this once; null where one was given.' })
const instant = z.iso.datetime()

export const newUser = z
  .strictObject({
    email,
    name,
    role,
    tenant: tenant
      .optional()
      .openapi({ description: "Left out: the key's own, or whoever runs the gateway." }),
    password: password.optional().openapi({ description: 'Left out: one is made.' }),
  })
  .openapi('NewUser')

export const userChange = z
  .strictObject({ name: name.optional(), role: role.optional(), status: status.optional() })
  .openapi('UserChange')

export const userId = z.object({ id: z.string() })

export const userQuery = z.strictObject({
  tenant: z.string().optional().openapi({ description: 'Those of one tenant.' }),
})

const shape = {
  id: z.uuid(),
  email: z.string(),
  name: z.string(),
  role,
  tenant,
  status,
  has_first_password: z
    .boolean()
    .openapi({ description: 'Somebody else has chosen the password, or it was made.' }),
  created_at: instant,
}

export const user = z.object(shape).openapi('User')

export const userList = z.object({ users: z.array(user) }).openapi('UserList')

export const addedUser = z.object({ ...shape, password: firstPassword }).openapi('AddedUser')

export const self = z
  .object({
    ...shape,
    scopes: z.array(z.string()).openapi({ description: 'What the role opens.' }),
  })
  .openapi('SignedInUser')

export const passwordChange = z
  .strictObject({ old_password: z.string().max(1_000), password })
  .openapi('PasswordChange')

export const passwordReset = z
  .strictObject({ password: password.optional() })
  .openapi('PasswordReset')

export const resetPassword = z.object({ password: firstPassword }).openapi('ResetPassword')

export const login = z
  .strictObject({
    email,
    password: z.string().max(1_000),
    cookie: z.boolean().default(false).openapi({ description: 'Set a cookie for a browser, too.' }),
  })
  .openapi('Login')

const sessionShape = {
  id: z.uuid(),
  user: z.string(),
  tenant,
  created_at: instant,
  last_used_at: instant,
  address: z.string(),
  user_agent: z.string(),
}

export const begunSession = z
  .object({
    ...sessionShape,
    token: z.string().openapi({ description: 'For `Authorization: Bearer`; shown this once.' }),
    ends_at: instant.openapi({ description: 'The latest; earlier where it is not used.' }),
  })
  .openapi('BegunSession')

export const sessionList = z
  .object({ sessions: z.array(z.object({ ...sessionShape, is_current: z.boolean() })) })
  .openapi('SessionList')
