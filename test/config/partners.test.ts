import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { completePartner, loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/config/mistake.ts'
import type { Config } from '../../src/config/schema.ts'
import {
  PARTNER_CERTIFICATE,
  PARTNER_KEY,
  TEST_CERTIFICATE,
  TEST_KEY,
} from '../smpp/tls-certificate.ts'

let cwd: string

beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'linehaul-config-'))
  writeFileSync(join(cwd, 'cert.pem'), TEST_CERTIFICATE)
  writeFileSync(join(cwd, 'key.pem'), TEST_KEY)
  writeFileSync(join(cwd, 'other-key.pem'), PARTNER_KEY)
  writeFileSync(join(cwd, 'ca.pem'), PARTNER_CERTIFICATE)
  writeFileSync(join(cwd, 'note.txt'), 'no PEM at all')
})

afterAll(() => rmSync(cwd, { recursive: true }))

function load(content: object, env: Record<string, string> = {}): Config {
  writeFileSync(join(cwd, 'linehaul.yaml'), JSON.stringify(content))
  return loadConfig({ env, cwd })
}

function partner(keys: object): object {
  return { system_id: 'p', password: 'pw', tenant: 't', ...keys }
}

function withPartner(keys: object, smpp: object = {}): object {
  return { smpp, tenants: [{ name: 't' }], partners: [partner(keys)] }
}

/** The mistakes as lines. */
function mistakesOf(content: object): string[] {
  try {
    load(content)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.mistakes.map(({ path, message }) => `${path}: ${message}`)
  }
  return []
}

const TLS = { cert: 'cert.pem', key: 'key.pem' }

describe('listeners', () => {
  test('plain, TLS or both', () => {
    const both = load({ smpp: { tls: { ...TLS, ca: 'ca.pem' } } }).smpp
    expect(both).toMatchObject({
      port: 2775,
      tls: { port: 3550, cert: TEST_CERTIFICATE, key: TEST_KEY, ca: PARTNER_CERTIFICATE },
    })
    expect(load({ smpp: { port: 'off', tls: TLS } }).smpp.port).toBeUndefined()
    expect(load({ smpp: { port: false } }).smpp.port).toBeUndefined()
    expect(load({ smpp: {} }, { LINEHAUL_SMPP_PORT: 'off' }).smpp.port).toBeUndefined()
    expect(load({ smpp: { port: 'off' } }, { LINEHAUL_SMPP_PORT: '2780' }).smpp.port).toBe(2780)
  })

  test.each([
    [{ tls: {} }, ['smpp.tls.cert: is missing', 'smpp.tls.key: is missing']],
    [{ tls: { ...TLS, cert: 'gone.pem' } }, ['smpp.tls.cert: the file cannot be read (ENOENT)']],
    [{ tls: { ...TLS, cert: 'note.txt' } }, ['smpp.tls.cert: does not begin with a certificate']],
    [{ tls: { ...TLS, ca: 'note.txt' } }, ['smpp.tls.ca: does not begin with a certificate']],
    [{ tls: { ...TLS, key: 'note.txt' } }, ['smpp.tls.key: is no private key']],
    [{ tls: { ...TLS, key: 'other-key.pem' } }, ['smpp.tls.key: is not the key of the certif']],
    [{ port: 3550, tls: TLS }, ['smpp.tls.port: 3550 is also smpp.port']],
    [{ proxy_protocol: true }, ['smpp.trusted_proxies: is empty']],
    [{ tls: { ...TLS, proxy_protocol: true } }, ['smpp.trusted_proxies: is empty']],
    [{ trusted_proxies: ['10.0.0.0/40'] }, ['smpp.trusted_proxies[0]: "10.0.0.0/40" is not']],
    [{ port: 'none' }, ['smpp.port: "none" is not allowed; allowed: a whole number from 0 to']],
  ])('%j is a mistake', (smpp, beginnings) => {
    const mistakes = mistakesOf({ smpp })
    expect(mistakes).toHaveLength(beginnings.length)
    for (const [index, beginning] of beginnings.entries()) {
      expect(mistakes[index]?.startsWith(beginning)).toBe(true)
    }
  })

  test('a port off with partners and no TLS is a mistake', () => {
    expect(mistakesOf(withPartner({}, { port: 'off' }))).toEqual([
      'smpp.port: is off, and there is no smpp.tls: no partner could bind',
    ])
  })
})

describe('an account', () => {
  test('has everything that stands in the file', () => {
    const fingerprint = 'ab:'.repeat(32).slice(0, -1)
    const { partners } = load(
      withPartner(
        {
          allow_from: ['203.0.113.7', '2001:db8::/32'],
          client_certificate: { fingerprints: [fingerprint], common_names: ['p.example'] },
          bind_types: ['transceiver'],
          max_binds: 2,
          window: 5,
          submit_window: 7,
          segments_per_second: 10,
          burst: 30,
          sender_ids: ['ACME', 447700, '+4477*', '*'],
          default_alphabet: 'utf8',
          default_validity_seconds: 60,
          max_validity_seconds: 120,
          enquire_link_seconds: 15,
          inactivity_seconds: 90,
        },
        { tls: { ...TLS, ca: 'ca.pem' } },
      ),
    )
    expect(partners[0]).toMatchObject({
      allowFrom: ['203.0.113.7', '2001:db8::/32'],
      tls: 'required',
      clientCertificate: { fingerprints: ['AB'.repeat(32)], commonNames: ['p.example'] },
      bindTypes: ['transceiver'],
      maxBinds: 2,
      window: 5,
      submitWindow: 7,
      segmentsPerSecond: 10,
      burst: 30,
      senderIds: ['ACME', '447700', '+4477*', '*'],
      defaultAlphabet: 'utf8',
      defaultValiditySeconds: 60,
      maxValiditySeconds: 120,
      enquireLinkSeconds: 15,
      inactivitySeconds: 90,
    })
  })

  test('takes the hash of a password', () => {
    const hash =
      'scrypt$16384$8$5$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
    expect(load(withPartner({ password: hash })).partners[0]?.password).toBe(hash)
    const [mistake] = mistakesOf(withPartner({ password: hash.replace('16384', '16385') }))
    expect(mistake).toMatch(/^partners\[0\]\.password: "\*\*\*" is not allowed; allowed: 1 to 8/)
  })

  test('may have statuses of its own, by name or number', () => {
    const statuses = { balance_insufficient: 0x450, quota_exceeded: 'ESME_RX_P_APPN' }
    const text = `tenants: [{ name: t }]
partners: [{ system_id: p, password: pw, tenant: t, statuses: { busy: 0x4ff, no_route: ESME_RSYSERR } }]`
    writeFileSync(join(cwd, 'linehaul.yaml'), text)
    expect(loadConfig({ env: {}, cwd }).partners[0]?.statuses).toEqual({
      busy: 0x4ff,
      no_route: 0x08,
    })
    expect(mistakesOf(withPartner({ statuses }))).toEqual([
      expect.stringContaining('partners[0].statuses.balance_insufficient: "1104" is not allowed'),
    ])
  })

  test('of code is one of the file', () => {
    const settings = { systemId: 'p', password: 'pw', tenant: 't' }
    expect(completePartner(settings)).toEqual(load(withPartner({})).partners[0])
    expect(() => completePartner({ ...settings, systemId: '' })).toThrow(/system_id: "" is not/)
  })

  test.each([
    [{ allow_from: ['nowhere'] }, 'partners[0].allow_from[0]: "nowhere" is not allowed'],
    [{ bind_types: [] }, 'partners[0].bind_types: a list is not allowed'],
    [{ bind_types: ['pair'] }, 'partners[0].bind_types[0]: "pair" is not allowed'],
    [
      { statuses: { balance_insufficient: 'ESME_ROK' } },
      'partners[0].statuses.balance_insufficient: "ESME_ROK" is not allowed',
    ],
    [{ statuses: { busy: '0x500' } }, 'partners[0].statuses.busy: "0x500" is not allowed'],
    [
      { statuses: { balance_insuficient: '0x450' } },
      'partners[0].statuses.balance_insuficient: there is no such key; did you mean balance_insufficient?',
    ],
    [{ sender_ids: ['A*B'] }, 'partners[0].sender_ids[0]: "A*B" is not allowed'],
    [{ tls: 'required' }, 'partners[0].tls: needs TLS, and there is no smpp.tls'],
    [
      { client_certificate: { common_names: ['x'] } },
      'partners[0].client_certificate: needs TLS, and there is no smpp.tls',
    ],
    [
      { default_validity_seconds: 61, max_validity_seconds: 60 },
      'partners[0].default_validity_seconds: 61 is above max_validity_seconds 60',
    ],
  ])('%j is a mistake', (keys, beginning) => {
    const mistakes = mistakesOf(withPartner(keys))
    expect(mistakes).toHaveLength(1)
    expect(mistakes[0]?.slice(0, beginning.length)).toBe(beginning)
  })

  test.each([
    [{}, 'client_certificate: names no certificate; write fingerprints or common_names'],
    [
      { common_names: ['x'] },
      'client_certificate.common_names: needs smpp.tls.ca: who issues these names?',
    ],
    [
      { fingerprints: ['abcd'] },
      'client_certificate.fingerprints[0]: "abcd" is not allowed; allowed: a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons',
    ],
  ])('a certificate %j is a mistake', (client_certificate, line) => {
    const mistakes = mistakesOf(withPartner({ client_certificate }, { tls: TLS }))
    expect(mistakes).toEqual([`partners[0].${line}`])
  })
})

test('the example of docs/partners.md is accepted', () => {
  const guide = readFileSync(new URL('../../docs/partners.md', import.meta.url), 'utf8')
  const [, example = ''] = /```yaml\n([\s\S]*?)```/.exec(guide) ?? []
  writeFileSync(join(cwd, 'linehaul.yaml'), example)
  const config = loadConfig({ env: { LINEHAUL_KEY: 'k', ACME_PASSWORD: 'pw' }, cwd })
  expect(config.partners).toMatchObject([{ systemId: 'acme', tls: 'required', maxBinds: 4 }])
})
