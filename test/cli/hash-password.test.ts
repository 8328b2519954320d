import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { isPasswordOf } from '../../src/core/password.ts'
import { runCommand } from '../support/gateway-process.ts'

function hash(input: string) {
  const env = { PATH: process.env.PATH ?? '' }
  return runCommand(['hash-password'], { cwd: tmpdir(), env, input })
}

test('prints the hash of the line it reads, and nothing else', async () => {
  const { code, stdout, stderr } = await hash('s3cret !\n')
  expect([code, stderr]).toEqual([0, ''])
  const [line = '', rest] = stdout.split('\n')
  expect(rest).toBe('')
  expect(await isPasswordOf('s3cret !', line)).toBe(true)
})

test.each([
  ['nothing', ''],
  ['nine characters', '123456789\n'],
  ['what is not ASCII', 'señor\n'],
])('refuses %s without repeating it', async (_what, input) => {
  const { code, stdout, stderr } = await hash(input)
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(/^the password has \d characters.*allowed: 1 to 8 ASCII characters\n$/)
  expect(stderr).not.toContain(input.trim() || '\0')
})
