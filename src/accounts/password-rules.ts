import { randomBytes } from 'node:crypto'
import { GatewayError } from '../core/errors.ts'

const MIN_CHARACTERS = 12
/** Longer ones only cost work. */
const MAX_CHARACTERS = 200

/** The commonest of those that are long enough, in small letters. */
const COMMON: ReadonlySet<string> = new Set([
  '123456789012',
  '1234567890123',
  '123456789abc',
  '1q2w3e4r5t6y',
  'abcdefghijkl',
  'administrator',
  'changeme1234',
  'iloveyou1234',
  'letmein12345',
  'linehaul1234',
  'passw0rd1234',
  'password1234',
  'password12345',
  'password123456',
  'passwordpassword',
  'qwerty123456',
  'qwertyuiop12',
  'qwertyuiop[]',
  'qwertyuiopasdf',
  'welcome12345',
])

/**
 * Refuses a password that is easily guessed.
 *
 * @throws {GatewayError} `password_invalid`; without the password
 */
export function checkPassword(password: string, email: string): void {
  const characters = [...password]
  if (characters.length < MIN_CHARACTERS || characters.length > MAX_CHARACTERS) {
    throw invalid(
      `it has ${characters.length} characters: ${MIN_CHARACTERS} to ${MAX_CHARACTERS} are allowed`,
    )
  }
  const plain = password.toLowerCase()
  if (plain === email.toLowerCase()) throw invalid('it is the e-mail address')
  if (COMMON.has(plain) || new Set(characters).size === 1) {
    throw invalid('it is among the first that anybody would try')
  }
}

/** A password that nobody guesses, for somebody who has none yet. */
export function newPassword(): string {
  return randomBytes(15).toString('base64url')
}

function invalid(why: string): GatewayError {
  return new GatewayError('password_invalid', `the password cannot be used: ${why}`, {
    pointer: '/password',
  })
}
