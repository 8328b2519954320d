import { parseArgs } from 'node:util'
import { readConfig } from './access.ts'
import { type Command, UsageError } from './command.ts'
import { say } from './terminal.ts'

const ACTIONS =
  'users needs one of: list, add EMAIL --role ROLE [--name NAME] [--tenant NAME], reset-password EMAIL, disable EMAIL'

/** Keeps the people who use the console. */
export const users: Command = {
  usage: `\
  linehaul users list               people who use the console, from the database
  linehaul users add EMAIL --role ROLE [--name NAME] [--tenant NAME]
                                    ROLE: owner, operator, billing, read_only; without a tenant of whoever runs the gateway
  linehaul users reset-password EMAIL | disable EMAIL
                                    all three while the gateway is stopped; a password is asked for, or made and
                                    shown with --make-password`,

  async run(args) {
    await change(args)
    return true
  },
}

async function change([action, ...args]: string[]): Promise<void> {
  const options = {
    role: { type: 'string' },
    name: { type: 'string' },
    tenant: { type: 'string' },
    'make-password': { type: 'boolean' },
  } as const
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
  const { addUser, disableUser, listUsers, resetUserPassword } = await import('../user-commands.ts')
  const { readPassword } = await import('../hash-password.ts')
  const [email, ...others] = positionals
  const { role, name, tenant, 'make-password': makesPassword = false } = values
  const command = {
    store: readConfig(),
    say,
    askPassword: async () => (makesPassword ? undefined : readPassword('Password: ')),
  }
  if (others.length > 0) throw new UsageError(ACTIONS)
  if (action === 'list' && email === undefined) return listUsers(command)
  if (email === undefined) throw new UsageError(ACTIONS)
  if (action === 'reset-password') return resetUserPassword(command, email)
  if (action === 'disable') return disableUser(command, email)
  if (action !== 'add' || role === undefined) throw new UsageError(ACTIONS)
  return addUser(command, { email, role, name, tenant })
}
