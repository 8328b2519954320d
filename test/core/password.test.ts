import { scryptSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { hashPassword, isPasswordHash, isPasswordOf } from '../../src/core/password.ts'

/** RFC 7914, section 12: the vector of "pleaseletmein" with N 16384, r 8, p 1. */
const RFC_KEY =
  '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887'

/** A cheap hash, so that tests do not compute for long. */
function cheapHash(password: string): string {
  const salt = Buffer.from('0123456789')
  const key = scryptSync(password, salt, 32, { N: 16, r: 1, p: 1 })
  return `scrypt$16$1$1$${salt.toString('base64url')}$${key.toString('base64url')}`
}

describe('a password hash', () => {
  test('knows its password and no other', async () => {
    const hash = await hashPassword('s3cret!')
    expect(isPasswordHash(hash)).toBe(true)
    expect(hash).toMatch(/^scrypt\$16384\$8\$5\$[\w-]{22}\$[\w-]{43}$/)
    expect(await isPasswordOf('s3cret!', hash)).toBe(true)
    expect(await isPasswordOf('s3cret', hash)).toBe(false)
  })

  test('is another one each time', async () => {
    expect(await hashPassword('same')).not.toBe(await hashPassword('same'))
  })

  test('is scrypt of RFC 7914', async () => {
    const salt = Buffer.from('SodiumChloride').toString('base64url')
    const key = Buffer.from(RFC_KEY, 'hex').toString('base64url')
    expect(await isPasswordOf('pleaseletmein', `scrypt$16384$8$1$${salt}$${key}`)).toBe(true)
  })

  test.each([
    ['a plain password', 'secret'],
    ['another kind', cheapHash('x').replace('scrypt', 'bcrypt')],
    ['a cost that is no power of two', cheapHash('x').replace('$16$', '$17$')],
    ['a cost of 1', cheapHash('x').replace('$16$', '$1$')],
    ['more memory than a bind may take', cheapHash('x').replace('$16$1$', '$1048576$8$')],
    ['no blocks', cheapHash('x').replace('$16$1$', '$16$0$')],
    ['too many runs', cheapHash('x').replace('$16$1$1$', '$16$1$17$')],
    ['a key too short', 'scrypt$16$1$1$MDEyMzQ1Njc4OQ$abcd'],
  ])('is not %s', async (_what, text) => {
    expect(isPasswordHash(text)).toBe(false)
    await expect(isPasswordOf('x', text)).rejects.toThrow(RangeError)
  })
})
