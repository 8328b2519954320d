import { VERSION } from '../version.ts'
import { readConfig } from './access.ts'
import type { Command } from './command.ts'
import { complain, say } from './terminal.ts'

/** Brings the schema up to date. */
export const migrate: Command = {
  usage: `\
  linehaul migrate                  bring the database schema up to date`,

  async run() {
    const { openStore } = await import('../store/open.ts')
    const { noteByHand } = await import('../audit-commands.ts')
    const store = await openStore(readConfig())
    await noteByHand(store, 'database.migrate', { version: VERSION })
    await store.close()
    say('the database schema is up to date')
    return true
  },
}

/** Seals everything with the active key. */
export const rotateEncryption: Command = {
  usage: `\
  linehaul rotate-encryption        seal everything stored with the active key, while the gateway is stopped`,

  async run() {
    const { createCipher } = await import('../store/cipher.ts')
    const { checkEncryptionKeys } = await import('../store/key-check.ts')
    const { openStore } = await import('../store/open.ts')
    const { reseal } = await import('../messages/resealing.ts')
    const config = readConfig()
    const { keys, active } = config.encryption
    const store = await openStore({ ...config, cipher: createCipher(keys, active) })
    try {
      await checkEncryptionKeys(store)
      const { rows, unreadable } = await reseal(store, async () => false)
      const { noteByHand } = await import('../audit-commands.ts')
      await noteByHand(store, 'encryption.rotate', { rows, unreadable })
      say(
        active === undefined
          ? `${rows} rows were written in the clear; no key is needed any more`
          : `${rows} rows were sealed with "${active}"; no other key is needed any more`,
      )
      if (unreadable > 0) complain(`${unreadable} rows are damaged: no key opens them`)
    } finally {
      await store.close()
    }
    return true
  },
}
