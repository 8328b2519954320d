import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Users } from '../src/accounts/users.ts'
import { systemClock } from '../src/core/clock.ts'
import { isPasswordOf } from '../src/core/password.ts'
import { openStore } from '../src/store/open.ts'
import {
  addUser,
  disableUser,
  listUsers,
  resetUserPassword,
  type UserCommand,
} from '../src/user-commands.ts'
import { layDownPglite } from './support/database.ts'
import { temporaryFolder } from './support/gateway.ts'

describe('linehaul users', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let said: string[]
  const OWNER = { email: 'ann@example.com', role: 'owner', name: undefined, tenant: undefined }

  beforeAll(async () => {
    folder = await temporaryFolder()
    layDownPglite(folder.path)
  })
  afterAll(() => folder.remove())

  function command(password: string | undefined): UserCommand {
    said = []
    return {
      store: { databaseUrl: undefined, dataDir: folder.path },
      say: (line) => said.push(line),
      askPassword: async () => password,
    }
  }

  async function hashOf(email: string): Promise<string> {
    const store = await openStore({ databaseUrl: undefined, dataDir: folder.path })
    try {
      return (await new Users(store, systemClock).findByEmail(email))?.passwordHash ?? ''
    } finally {
      await store.close()
    }
  }

  it('adds, lists, gives another password, and disables', async () => {
    await addUser(command(undefined), OWNER)
    const [added, shown = ''] = said
    expect(added).toBe('ann@example.com is added, owner')
    const made = shown.replace('Password, shown this once: ', '')
    expect(await isPasswordOf(made, await hashOf('ann@example.com'))).toBe(true)

    await resetUserPassword(command('another long one'), 'ann@example.com')
    expect(said).toEqual(['ann@example.com has another password'])
    expect(await isPasswordOf('another long one', await hashOf('ann@example.com'))).toBe(true)

    const disabled = disableUser(command(undefined), 'ann@example.com')
    await expect(disabled).rejects.toMatchObject({ code: 'last_owner' })
    await addUser(command('a third long one'), { ...OWNER, email: 'bea@example.com' })
    await disableUser(command(undefined), 'ann@example.com')
    await listUsers(command(undefined))
    expect(said.map((line) => line.split(/ +/))).toEqual([
      ['ann@example.com', 'owner', '-', 'disabled'],
      ['bea@example.com', 'owner', '-', 'active'],
    ])
  })

  it('says what it does not know', async () => {
    const role = addUser(command(undefined), { ...OWNER, role: 'king' })
    await expect(role).rejects.toMatchObject({ code: 'role_unknown' })
    const tenant = addUser(command(undefined), { ...OWNER, tenant: 'nobody' })
    await expect(tenant).rejects.toMatchObject({ code: 'not_found' })
    const user = resetUserPassword(command(undefined), 'nobody@example.com')
    await expect(user).rejects.toMatchObject({ code: 'not_found' })
  })
})
