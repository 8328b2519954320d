import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { GatewayError } from './core/errors.ts'
import { hashPassword } from './core/password.ts'

/** The password field of a bind has room for 8 characters: SMPP v3.4, section 4.1. */
const PASSWORD = /^[\x20-\x7e]{1,8}$/

/**
 * Reads one line, at a terminal without showing it, and prints its hash.
 *
 * @throws {GatewayError} `password_invalid`
 */
export async function hashPasswordOfInput(): Promise<void> {
  const password = await readPassword('Password: ')
  if (!PASSWORD.test(password)) {
    throw new GatewayError(
      'password_invalid',
      `the password has ${password.length} characters or some that are not ASCII; allowed: 1 to 8 ASCII characters`,
    )
  }
  process.stdout.write(`${await hashPassword(password)}\n`)
}

/** Reads one line, at a terminal without showing it; empty where there is none. */
export async function readPassword(question: string): Promise<string> {
  const isTerminal = process.stdin.isTTY
  if (isTerminal) process.stderr.write(question)
  const password = await firstLine(isTerminal)
  if (isTerminal) process.stderr.write('\n')
  return password
}

function firstLine(isTerminal: boolean): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: isTerminal })
  return new Promise((resolve) => {
    let line = ''
    lines.once('line', (text) => {
      line = text
      lines.close()
    })
    lines.once('close', () => resolve(line))
  })
}
