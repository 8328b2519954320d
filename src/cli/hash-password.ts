import { hashPasswordOfInput } from '../hash-password.ts'
import type { Command } from './command.ts'

/** Hashes the password of a partner. */
export const hashPassword: Command = {
  usage: `\
  linehaul hash-password            read a password of a partner and print its hash for the configuration`,

  async run() {
    await hashPasswordOfInput()
    return true
  },
}
