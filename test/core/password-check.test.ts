import { scryptSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { PasswordCheck } from '../../src/core/password-check.ts'

/** A hash that takes N times 1 KiB of work. */
function hashOf(password: string, N: number): string {
  const salt = Buffer.from('0123456789')
  const key = scryptSync(password, salt, 32, { N, r: 8, p: 1 }).toString('base64url')
  return `scrypt$${N}$8$1$${salt.toString('base64url')}$${key}`
}

describe.each([
  ['as it is', 'secret'],
  ['as its hash', hashOf('secret', 16)],
])('a password %s', (_how, stored) => {
  test('is right or wrong', async () => {
    const passwords = new PasswordCheck()
    expect(await passwords.check('p', 'secret', stored)).toBe('right')
    expect(await passwords.check('p', 'Secret', stored)).toBe('wrong')
    expect(await passwords.check('p', '', stored)).toBe('wrong')
    expect(await passwords.check('p', stored, stored)).toBe(stored === 'secret' ? 'right' : 'wrong')
    expect(await passwords.check('p', 'secret', stored)).toBe('right')
  })
})

describe('a hash', () => {
  test('is computed once for many binds at a time, and not again for the next', async () => {
    const stored = hashOf('secret', 16_384)
    const passwords = new PasswordCheck()
    const storm = Array.from({ length: 1_000 }, () => passwords.check('p', 'secret', stored))
    expect(new Set(await Promise.all(storm))).toEqual(new Set(['right']))
    // Known by its digest, the answer does not wait for the thread pool.
    let turns = 0
    const counting = setImmediate(() => turns++)
    expect(await passwords.check('p', 'secret', stored)).toBe('right')
    clearImmediate(counting)
    expect(turns).toBe(0)
  })

  test('another password or another hash is looked at anew', async () => {
    const passwords = new PasswordCheck()
    expect(await passwords.check('p', 'secret', hashOf('secret', 16))).toBe('right')
    expect(await passwords.check('p', 'secret', hashOf('changed', 16))).toBe('wrong')
    expect(await passwords.check('p', 'changed', hashOf('changed', 16))).toBe('right')
  })

  test('too many different ones at a time are not looked at', async () => {
    const passwords = new PasswordCheck()
    const stored = hashOf('secret', 16)
    const guesses = Array.from({ length: 110 }, (_, n) => passwords.check('p', `${n}`, stored))
    const verdicts = await Promise.all(guesses)
    expect(verdicts.filter((verdict) => verdict === 'wrong')).toHaveLength(102)
    expect(verdicts.filter((verdict) => verdict === 'busy')).toHaveLength(8)
    expect(await passwords.check('p', 'secret', stored)).toBe('right')
  })
})
