import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { DEFAULT_GUARDS } from '../../src/config/guards.ts'
import { loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/config/mistake.ts'

let cwd: string

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'linehaul-guards-'))
})

afterEach(() => rmSync(cwd, { recursive: true }))

function load(yaml: string) {
  writeFileSync(join(cwd, 'linehaul.yaml'), yaml)
  return loadConfig({ env: {}, cwd }).guards
}

it('has every guard off where the file says nothing', () => {
  expect(load('tenants: [{ name: demo }]')).toEqual(DEFAULT_GUARDS)
  const { velocity, conversion, loops } = DEFAULT_GUARDS
  expect([velocity.action, conversion.action, loops.action]).toEqual(['off', 'off', 'off'])
})

it('reads what the file says', () => {
  const guards = load(`
tenants: [{ name: demo }]
guards:
  velocity: { action: refuse, prefix_digits: 3, prefix_limit: 500, window_seconds: 30 }
  conversion: { action: hold_back, least_percent: 30 }
  loops: { action: flag, exchanges: 7 }
  except: { tenants: [demo], prefixes: [4912, "0049"], classes: [marketing] }
`)
  expect(guards.velocity).toMatchObject({
    action: 'refuse',
    prefixDigits: 3,
    prefixLimit: 500,
    windowSeconds: 30,
  })
  expect(guards.conversion).toMatchObject({ action: 'hold_back', leastPercent: 30 })
  expect(guards.loops).toMatchObject({ action: 'flag', exchanges: 7 })
  expect(guards.except).toEqual({
    tenants: ['demo'],
    prefixes: ['4912', '0049'],
    classes: ['marketing'],
  })
})

it('accepts the example of docs/guards.md', () => {
  const guide = readFileSync(new URL('../../docs/guards.md', import.meta.url), 'utf8')
  const example = /```yaml\n([\s\S]*?)```/.exec(guide)?.[1] ?? ''
  const guards = load(`tenants: [{ name: newsletter }]\n${example}`)
  expect(guards.velocity.action).toBe('flag')
  expect(guards.conversion.action).toBe('hold_back')
})

it.each([
  ['velocity: { action: block }', 'guards.velocity.action', 'one of off, flag, hold_back, refuse'],
  ['velocity: { prefix_limit: -1 }', 'guards.velocity.prefix_limit', 'a whole number from 0'],
  ['conversion: { least_percent: 0 }', 'guards.conversion.least_percent', 'from 1 to 100'],
  ['loops: { exchange: 3 }', 'guards.loops.exchange', 'did you mean exchanges?'],
  ['except: { prefixes: ["+49"] }', 'guards.except.prefixes[0]', 'digits without +'],
  ['except: { classes: [sms] }', 'guards.except.classes[0]', 'one of otp, transactional'],
  ['except: { tenants: [nobody] }', 'guards.except.tenants[0]', 'there is no tenant "nobody"'],
])('names what is wrong with %s', (text, path, message) => {
  try {
    load(`tenants: [{ name: demo }]\nguards: { ${text} }`)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    expect(error.mistakes).toMatchObject([{ path, message: expect.stringContaining(message) }])
    return
  }
  throw new Error('the configuration was accepted')
})
