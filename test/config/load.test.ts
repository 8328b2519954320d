import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { describeSettings, documentationRow } from '../../src/config/describe.ts'
import { DEFAULT_DIALECT } from '../../src/config/dialect.ts'
import { DEFAULT_GUARDS } from '../../src/config/guards.ts'
import { NO_LIMITS } from '../../src/config/limits.ts'
import { completeCarrier, loadConfig } from '../../src/config/load.ts'
import { ConfigError, type Mistake } from '../../src/config/mistake.ts'
import { DEFAULT_POLICIES } from '../../src/config/policies.ts'
import type { SmppCarrierConfig } from '../../src/config/smpp-carriers.ts'
import { USUAL_TERMS } from '../../src/core/charging.ts'
import { GatewayError } from '../../src/core/errors.ts'
import { DEFAULT_BREAKER } from '../../src/routing/breaker.ts'

const CONTRACT = `
tenants:
  - name: demo
    api_keys: [test-key-1]
carriers:
  - name: alpha
    type: smpp
    host: 127.0.0.1
    port: 2776
    system_id: linehaul
    password: secret
    rates:
      - { prefix: "44", price: "0.0350", currency: EUR }
      - { prefix: 86, price: 0.0210, currency: USD }
      - { prefix: "", price: 1, currency: EUR }
partners:
  - { system_id: partner1, password: pw1, tenant: demo }
`

const CARRIER = 'name: a, type: smpp, host: h, port: 1, system_id: s'

const BOTH_WAYS = ['webhook', 'mail']

const DEFAULT_ALERTS = {
  webhook: undefined,
  mail: undefined,
  events: {
    breaker: BOTH_WAYS,
    connection: BOTH_WAYS,
    canary: BOTH_WAYS,
    guard: BOTH_WAYS,
    check: BOTH_WAYS,
    balance_low: BOTH_WAYS,
    balance_exhausted: BOTH_WAYS,
  },
  downMs: 60_000,
}

const DEFAULT_SMPP = {
  host: '0.0.0.0',
  port: 2775,
  proxyProtocol: false,
  trustedProxies: [],
  tls: undefined,
  sessionInitSeconds: 10,
  maxConnections: 10_000,
  maxUnbound: 1_000,
  maxUnboundPerAddress: 50,
}

let cwd: string

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'linehaul-config-'))
})

afterEach(() => rmSync(cwd, { recursive: true }))

function smppCarriers(yaml: string): SmppCarrierConfig[] {
  return load(yaml).carriers.filter((carrier) => carrier.type === 'smpp')
}

function load(yaml: string, env: Record<string, string> = {}) {
  writeFileSync(join(cwd, 'linehaul.yaml'), yaml)
  return loadConfig({ env, cwd })
}

function mistakesOf(yaml: string, env: Record<string, string> = {}): readonly Mistake[] {
  try {
    load(yaml, env)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    if (error instanceof ConfigError) {
      return error.mistakes.map(({ path, message }) => ({ path, message }))
    }
  }
  throw new Error('the configuration was accepted')
}

describe('a good configuration', () => {
  it('has every default when there is no file, and runs the sandbox', () => {
    expect(loadConfig({ env: {}, cwd })).toEqual({
      adminKeys: [],
      alerts: DEFAULT_ALERTS,
      failureRules: [],
      numbers: {
        networkFile: undefined,
        portedFile: undefined,
        lookup: undefined,
        shortCodes: [],
        senderRules: [],
        shippedSenderRules: true,
        unregisteredSenders: 'allow',
      },
      sessions: { idleSeconds: 43_200, maxSeconds: 604_800 },
      recorder: { pdusPerBind: 200, keepEndedBinds: 50, showTexts: false },
      http: {
        host: '0.0.0.0',
        port: 8080,
        publicUrl: undefined,
        trustedProxies: [],
        signatureWindowSeconds: 300,
      },
      smpp: DEFAULT_SMPP,
      dataDir: join(cwd, 'data'),
      databaseUrl: undefined,
      billing: { enabled: true, conversions: [], balances: [] },
      limits: NO_LIMITS,
      logLevel: 'info',
      templates: [],
      tenants: [],
      carriers: [],
      partners: [],
      policies: DEFAULT_POLICIES,
      routing: { baseCurrency: undefined, conversion: {}, routes: [] },
      health: { breaker: DEFAULT_BREAKER, historyLines: 1_000 },
      quality: {
        halfLifeMs: 1_800_000,
        memoryMessages: 100,
        priorSuccess: 0.9,
        priorMessages: 20,
      },
      inbound: { reassemblySeconds: 300, routes: [] },
      guards: DEFAULT_GUARDS,
      webhooks: { allowPrivateAddresses: false },
      redis: undefined,
      usage: { hourlyDays: 92, dailyDays: 1827 },
      retention: { days: undefined, bodyDays: undefined, auditDays: 400, callbackDays: 7 },
      encryption: { keys: [], active: undefined },
      sandbox: true,
      file: undefined,
    })
  })

  it('reads the contract file with the carrier defaults', () => {
    const config = load(CONTRACT)
    expect(config.sandbox).toBe(false)
    expect(config.file).toBe(join(cwd, 'linehaul.yaml'))
    const retention = { days: undefined, bodyDays: undefined }
    expect(config.tenants).toEqual([
      {
        name: 'demo',
        apiKeys: ['test-key-1'],
        status: 'active',
        parent: undefined,
        source: 'file',
        retention,
        pricing: { rates: [], lossMaking: 'allow' },
        billing: {
          charging: USUAL_TERMS,
          tiers: [],
          currency: undefined,
          creditLimitMicros: undefined,
          minMargin: undefined,
          lowBalanceMicros: undefined,
        },
      },
    ])
    expect(config.partners).toEqual([
      {
        systemId: 'partner1',
        password: 'pw1',
        tenant: 'demo',
        duplicateWindowSeconds: 0,
        duplicateKey: 'user_message_reference',
        allowFrom: [],
        tls: 'optional',
        clientCertificate: undefined,
        bindTypes: ['transmitter', 'receiver', 'transceiver'],
        maxBinds: 20,
        window: 50,
        submitWindow: 500,
        segmentsPerSecond: 0,
        burst: 0,
        senderIds: [],
        defaultAlphabet: 'gsm7',
        defaultValiditySeconds: undefined,
        maxValiditySeconds: undefined,
        tags: [],
        expectsReply: false,
        enquireLinkSeconds: 30,
        inactivitySeconds: 0,
        dialect: DEFAULT_DIALECT,
        statuses: {},
      },
    ])
    expect(config.carriers).toEqual([
      {
        name: 'alpha',
        type: 'smpp',
        hosts: [{ host: '127.0.0.1', port: 2776 }],
        preferFirstAfterSeconds: 0,
        systemId: 'linehaul',
        password: 'secret',
        systemType: '',
        interfaceVersion: '3.4',
        bind: 'transceiver',
        sessions: 1,
        window: 10,
        segmentsPerSecond: 0,
        enquireLinkSeconds: 30,
        responseTimeoutSeconds: 10,
        reconnectSeconds: { min: 1, max: 60 },
        outbind: undefined,
        tls: undefined,
        defaultAlphabet: 'gsm7',
        longMessages: 'udh8',
        messageIdProfile: 'exact',
        receiptIdFrom: 'both',
        receiptStates: new Map(),
        receiptHeuristic: false,
        transliterate: false,
        transcode: false,
        passTlvs: 'all',
        registeredDelivery: 1,
        validity: 'relative',
        validitySeconds: undefined,
        sourceTon: undefined,
        sourceNpi: undefined,
        destinationTon: undefined,
        destinationNpi: undefined,
        destinationPlus: false,
        userMessageReference: false,
        tags: [],
        trafficClasses: undefined,
        cannot: [],
        maxSegments: undefined,
        check: { everyMs: 60_000, timeoutMs: 5_000, message: undefined },
        rates: [
          { prefix: '44', priceMicros: 35_000n, currency: 'EUR' },
          { prefix: '86', priceMicros: 21_000n, currency: 'USD' },
          { prefix: '', priceMicros: 1_000_000n, currency: 'EUR' },
        ],
      },
    ])
  })

  it('reads what a tenant pays, and whether at a loss', () => {
    const rates = '[{ prefix: "44", price: 0.0450, currency: EUR }]'
    const { tenants } = load(`tenants: [{ name: a, rates: ${rates}, loss_making: refuse }]`)
    expect(tenants[0]?.pricing).toEqual({
      rates: [{ prefix: '44', priceMicros: 45_000n, currency: 'EUR' }],
      lossMaking: 'refuse',
    })
  })

  it('reads several hosts of a carrier, the preferred first', () => {
    const hosts =
      'hosts: [ smsc1.example:2775, "[2001:db8::1]:65535" ], prefer_first_after_seconds: 60'
    const config = load(`carriers: [{ name: a, type: smpp, ${hosts}, system_id: s, password: p }]`)
    expect(config.carriers[0]).toMatchObject({
      hosts: [
        { host: 'smsc1.example', port: 2775 },
        { host: '2001:db8::1', port: 65535 },
      ],
      preferFirstAfterSeconds: 60,
    })
  })

  it.each([
    ['host: h, port: 1, hosts: [ "a:1" ]', 'carriers[0].host', 'stands beside "hosts"'],
    ['host: h', 'carriers[0].port', 'is missing'],
    ['hosts: []', 'carriers[0].hosts', 'a list of host:port'],
    ['hosts: [ "a:65536" ]', 'carriers[0].hosts[0]', '"a:65536" is not allowed'],
    ['hosts: [ a ]', 'carriers[0].hosts[0]', 'host:port'],
  ])('refuses a carrier with %s', (keys, path, message) => {
    const yaml = `carriers: [{ name: a, type: smpp, ${keys}, system_id: s, password: p }]`
    expect(mistakesOf(yaml)).toContainEqual({ path, message: expect.stringContaining(message) })
  })

  it('listens for outbinds with the account of the binds, unless another is named', () => {
    const outbindOf = (keys: string) =>
      smppCarriers(`carriers: [{ ${CARRIER}, password: p, outbind_port: 2776${keys} }]`)[0]?.outbind
    const place = { host: '0.0.0.0', port: 2776 }
    expect(outbindOf('')).toEqual({ ...place, systemId: 's', password: 'p', bind: 'receiver' })
    const other = ', outbind_system_id: them, outbind_password: secret, outbind_bind: transceiver'
    expect(outbindOf(other)).toEqual({
      ...place,
      systemId: 'them',
      password: 'secret',
      bind: 'transceiver',
    })
  })

  it('fills in what a preset says, under what the carrier says itself', () => {
    const yaml = `carriers: [{ ${CARRIER}, password: p, preset: generic-3.3, bind: transceiver }]`
    expect(load(yaml).carriers[0]).toMatchObject({
      interfaceVersion: '3.3',
      bind: 'transceiver',
      messageIdProfile: 'resp-hex',
      receiptIdFrom: 'text',
    })
    expect(mistakesOf(yaml.replace('generic-3.3', 'generic-9'))).toEqual([
      {
        path: 'carriers[0].preset',
        message: expect.stringMatching(/^"generic-9" is not allowed; allowed: one of .*nexmo/),
      },
    ])
  })

  it('reads the words of a carrier in any case, numbers too', () => {
    const states = 'receipt_states: { sent: ENROUTE, 6: DELIVERED }'
    const [carrier] = smppCarriers(`carriers: [{ ${CARRIER}, password: p, ${states} }]`)
    expect(carrier?.receiptStates).toEqual(
      new Map([
        ['6', 'DELIVERED'],
        ['SENT', 'ENROUTE'],
      ]),
    )
    const wrong = `carriers: [{ ${CARRIER}, password: p, receipt_states: { SENT: GONE } }]`
    expect(mistakesOf(wrong)).toEqual([
      {
        path: 'carriers[0].receipt_states.SENT',
        message: expect.stringMatching(/^"GONE" is not allowed; allowed: one of SCHEDULED, /),
      },
    ])
  })

  it('puts the environment over the file, and ignores an empty variable', () => {
    const yaml = 'http: { host: 127.0.0.1, port: 1 }\nsmpp: { port: 2 }\nlog_level: warn\n'
    const config = load(yaml, {
      LINEHAUL_HTTP_PORT: '0',
      LINEHAUL_SMPP_PORT: '',
      LINEHAUL_DATA_DIR: '/var/lib/linehaul',
      DATABASE_URL: 'postgres://u:p@db/linehaul',
      LINEHAUL_LOG_LEVEL: 'debug',
    })
    expect(config.http).toMatchObject({ host: '127.0.0.1', port: 0 })
    expect(config.smpp).toEqual({ ...DEFAULT_SMPP, port: 2 })
    expect(config.dataDir).toBe('/var/lib/linehaul')
    expect(config.databaseUrl).toBe('postgres://u:p@db/linehaul')
    expect(config.logLevel).toBe('debug')
  })

  it('finds the file by LINEHAUL_CONFIG and by argument', () => {
    mkdirSync(join(cwd, 'etc'))
    writeFileSync(join(cwd, 'etc', 'other.yaml'), 'log_level: error')
    expect(loadConfig({ env: { LINEHAUL_CONFIG: 'etc/other.yaml' }, cwd }).logLevel).toBe('error')
    expect(loadConfig({ env: {}, cwd, file: join(cwd, 'etc/other.yaml') }).logLevel).toBe('error')
  })

  it('fills in variables in texts, numbers and switches, and keeps an escaped one', () => {
    const yaml = `
carriers:
  - { ${CARRIER}, password: "\${PW}", window: "\${WINDOW}", transliterate: "\${YES}" }
tenants: [{ name: "x-\${WINDOW}", api_keys: ["$\${PW}"] }]`
    const config = load(yaml, { PW: '0123', WINDOW: '25', YES: 'true' })
    expect(config.carriers[0]).toMatchObject({ password: '0123', window: 25, transliterate: true })
    expect(config.tenants[0]).toMatchObject({ name: 'x-25', apiKeys: [`\${PW}`] })
  })

  it('fills in a mapping that is used twice only once', () => {
    const yaml = `
carriers:
  - &a { ${CARRIER}, password: "$\${P}" }
  - { <<: *a, name: b }
  - { <<: *a, name: c, sessions: 2 }`
    const carriers = smppCarriers(yaml)
    expect(carriers.map((each) => [each.name, each.password, each.sessions])).toEqual([
      ['a', `\${P}`, 1],
      ['b', `\${P}`, 1],
      ['c', `\${P}`, 2],
    ])
  })

  it('keeps the digits of unquoted numbers where a text is wanted', () => {
    const rates = 'rates: [{ prefix: 0044, price: 0.123450, currency: EUR }]'
    const yaml = `carriers: [{ ${CARRIER}, password: 0123, interface_version: 5.0, ${rates} }]`
    const [carrier] = load(yaml).carriers
    expect(carrier).toMatchObject({ password: '0123', interfaceVersion: '5.0' })
    expect(carrier?.rates[0]).toMatchObject({ prefix: '0044', priceMicros: 123_450n })
  })

  it('takes tls as a switch or a mapping and reads the files named in it', () => {
    writeFileSync(join(cwd, 'ca.pem'), '-----BEGIN CERTIFICATE-----\nAA==\n')
    const carrier = (name: string, tls: string) =>
      `{ ${CARRIER.replace('name: a', `name: ${name}`)}, password: p, tls: ${tls} }`
    const yaml = `carriers: [${[
      carrier('a', 'true'),
      carrier('b', 'false'),
      carrier('c', '{ ca: ca.pem, reject_unauthorized: false, server_name: smsc.example }'),
    ].join(', ')}]`
    const none = { ca: undefined, cert: undefined, key: undefined }
    expect(smppCarriers(yaml).map(({ tls }) => tls)).toEqual([
      { ...none, serverName: undefined, rejectUnauthorized: true },
      undefined,
      {
        ...none,
        ca: '-----BEGIN CERTIFICATE-----\nAA==\n',
        serverName: 'smsc.example',
        rejectUnauthorized: false,
      },
    ])
  })
})

describe('mistakes', () => {
  it('are all reported at once, with place, value and what is allowed', () => {
    const mistakes = mistakesOf(
      `
http: { prot: 8080 }
log_level: loud
carriers:
  - name: alpha
    type: smpp
    port: 99999
    system_id: a-system-id-too-long
    password: far too long a password
    window: 0
    bind: tranceiver
    rates: [{ prefix: "+44", price: "0.12345678", currency: eur }]
partners:
  - { systemId: p, password: pw1, tenant: nobody }`,
      { LINEHAUL_SMPP_PORT: '70000' },
    )
    const lines = mistakes.map(({ path, message }) => `${path}: ${message}`).sort()
    expect(lines).toEqual([
      'LINEHAUL_SMPP_PORT: 70000 is not allowed; allowed: a whole number from 0 to 65535, or `off`',
      'carriers[0].bind: "tranceiver" is not allowed; allowed: one of transceiver, transmitter, receiver, pair',
      'carriers[0].host: is missing; allowed: "host" and "port", or "hosts" with a list of host:port',
      'carriers[0].password: "***" is not allowed; allowed: 1 to 8 ASCII characters',
      'carriers[0].port: 99999 is not allowed; allowed: a whole number from 1 to 65535',
      'carriers[0].rates[0].currency: "eur" is not allowed; allowed: three capital letters, for example EUR',
      'carriers[0].rates[0].prefix: "+44" is not allowed; allowed: up to 15 digits, without "+"; "" means everywhere',
      'carriers[0].rates[0].price: "0.12345678" is not allowed; allowed: a decimal number with at most 6 decimals, for example "0.0350"',
      'carriers[0].system_id: "a-system-id-too-long" is not allowed; allowed: 1 to 15 ASCII characters without blanks',
      'carriers[0].window: 0 is not allowed; allowed: a whole number from 1 to 1000',
      'http.prot: there is no such key; did you mean port?',
      'log_level: "loud" is not allowed; allowed: one of trace, debug, info, warn, error, fatal, silent',
      'partners[0].systemId: there is no such key; did you mean system_id?',
      'partners[0].system_id: is missing; allowed: 1 to 15 ASCII characters without blanks',
      'partners[0].tenant: there is no tenant "nobody"; allowed: the file has no tenants',
    ])
  })

  it('come as one error of ours whose message has a line for each', () => {
    writeFileSync(join(cwd, 'linehaul.yaml'), 'colour: red\nlog_level: 7')
    try {
      loadConfig({ env: {}, cwd })
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(GatewayError)
      expect(error).toMatchObject({ code: 'config_invalid', retryable: false })
      const lines = String((error as Error).message).split('\n')
      expect(lines).toHaveLength(3)
      expect(lines[0]).toBe('The configuration has 2 mistakes:')
    }
  })

  it('name what routes of inbound messages say wrongly', () => {
    const mistakes = mistakesOf(
      `
tenants: [{ name: a }, { name: b }]
carriers: [{ ${CARRIER}, password: pw }]
partners: [{ system_id: p, password: pw1, tenant: a }]
inbound:
  reassembly_seconds: 5
  routes:
    - { to: 60123, tenant: a, partner: p }
    - { to: "+60123", tenant: b, partner: p }
    - { keyword: two words, tenant: c }
    - { carrier: beta }`,
    )
    expect(mistakes.map(({ path, message }) => `${path}: ${message}`).sort()).toEqual([
      'inbound.reassembly_seconds: 5 is not allowed; allowed: a whole number from 10 to 86400',
      'inbound.routes[1].partner: there is no partner "p" of this tenant; allowed: that tenant has none',
      'inbound.routes[1]: the same conditions "60123  " stands at inbound.routes[0]; each must be unique',
      'inbound.routes[2].keyword: "two words" is not allowed; allowed: one word of up to 20 characters',
      'inbound.routes[2].tenant: there is no tenant "c"; allowed: one of a, b',
      'inbound.routes[3].carrier: there is no carrier "beta"; allowed: a',
      'inbound.routes[3].tenant: is missing; allowed: the name of a tenant',
    ])
  })

  it('name what is wrong with health and quality, the defaults included', () => {
    const mistakes = mistakesOf(`
health: { cool_down_seconds: 900, failure_percent: 0, probe: 3 }
quality: { memory_messages: 5 }`)
    expect(mistakes.map(({ path, message }) => `${path}: ${message}`).sort()).toEqual([
      'health.cool_down_seconds: cool_down_seconds 900 is above max_cool_down_seconds 600; it must not be larger',
      'health.failure_percent: 0 is not allowed; allowed: a whole number from 1 to 100',
      'health.probe: there is no such key; did you mean probes?',
      'quality.memory_messages: 5 is not allowed; allowed: a whole number from 10 to 100000',
    ])
    const { health, quality } = load('health: { cool_down_seconds: 5 }')
    expect(health).toEqual({
      breaker: { ...DEFAULT_BREAKER, coolDownMs: 5_000 },
      historyLines: 1_000,
    })
    expect(quality.priorSuccess).toBe(0.9)
  })

  it('name duplicates in carriers, tenants, partners, keys and prefixes', () => {
    const rates = [1, 2].map((price) => `{ prefix: "44", price: ${price}, currency: EUR }`)
    const carrier = `{ ${CARRIER}, password: p, rates: [${rates.join(', ')}] }`
    const partner = '{ system_id: p, password: p, tenant: t }'
    const tenant = `{ name: t, api_keys: [hidden-key], rates: [${rates.join(', ')}] }`
    const mistakes = mistakesOf(`
carriers: [${carrier}, ${carrier.replace('system_id: s', 'system_id: z')}]
tenants: [${tenant}, ${tenant}]
admin_keys: [other-key, hidden-key]
partners: [${partner}, ${partner}]`)
    expect(mistakes.map(({ path }) => path).sort()).toEqual([
      'admin_keys[1]',
      'carriers[0].rates[1].prefix',
      'carriers[1].name',
      'carriers[1].rates[1].prefix',
      'partners[1].system_id',
      'tenants[0].rates[1].prefix',
      'tenants[1].api_keys[0]',
      'tenants[1].name',
      'tenants[1].rates[1].prefix',
    ])
    expect(mistakes.map(({ message }) => message).join()).not.toContain('hidden-key')
  })

  it('include one port for both servers and a reconnect wait turned round', () => {
    const wait = 'reconnect_seconds: { min: 90 }'
    const yaml = `smpp: { port: 8080 }\ncarriers: [{ ${CARRIER}, password: p, ${wait} }]`
    expect(mistakesOf(yaml)).toEqual([
      {
        path: 'carriers[0].reconnect_seconds',
        message: 'min 90 is above max 60; min must not be larger',
      },
      { path: 'smpp.port', message: '8080 is also http.port; they must differ' },
    ])
  })

  it('include ports for outbinds that something else listens on, with both names', () => {
    const carrier = (name: string, keys: string) =>
      `{ name: ${name}, type: smpp, host: h, port: 1, system_id: s, password: p, ${keys} }`
    const yaml = `
      http: { port: 3100 }
      smpp: { tls: { port: 3400, cert: none, key: none } }
      carriers:
        - ${carrier('a', 'outbind_port: 3200')}
        - ${carrier('b', 'outbind_port: 3200, outbind_host: 127.0.0.1')}
        - ${carrier('c', 'outbind_port: 3100')}
        - ${carrier('d', 'outbind_port: 3300, outbind_host: 127.0.0.1')}
        - ${carrier('e', 'outbind_port: 3300, outbind_host: 127.0.0.2')}
        - ${carrier('f', 'outbind_port: 3400')}`
    const and = 'they must differ'
    expect(mistakesOf(yaml)).toEqual([
      {
        path: 'carriers[1].outbind_port',
        message: `3200 of the carrier "b" is also the outbind_port of the carrier "a"; ${and}`,
      },
      {
        path: 'carriers[2].outbind_port',
        message: `3100 of the carrier "c" is also http.port; ${and}`,
      },
      {
        path: 'carriers[5].outbind_port',
        message: `3400 of the carrier "f" is also smpp.tls.port; ${and}`,
      },
    ])
  })

  it('name the variable that is missing, once', () => {
    const yaml = `carriers: [{ ${CARRIER}, password: "\${NO_SUCH}", window: "\${9}" }]`
    expect(mistakesOf(yaml)).toEqual([
      {
        path: 'carriers[0].password',
        message: 'the environment variable NO_SUCH is not set or is empty',
      },
      {
        path: 'carriers[0].window',
        message: `\${9} names no environment variable: letters, digits and "_" are allowed`,
      },
    ])
  })

  it('name the line of what is wrong, or of what lacks something', () => {
    const yaml = `tenants:\n  - name: a\ncarriers:\n  - ${CARRIER.split(',')[0]}\n    type: smpp\n    port: 0\n`
    try {
      load(yaml)
    } catch (error) {
      const { mistakes, message } = error as ConfigError
      const lines = mistakes.map(({ path, line }) => [path, line])
      expect(lines).toContainEqual(['carriers[0].port', 6])
      expect(lines).toContainEqual(['carriers[0].password', 4])
      expect(message).toMatch(/^ {2}carriers\[0\].port: 0 is not allowed.* \(line 6\)$/m)
    }
    expect.assertions(3)
  })

  it('give line and column of every syntax error without quoting the line', () => {
    const mistakes = mistakesOf('carriers:\n  - password: "open-secret\n    port: [1, 2\n')
    expect(mistakes.length).toBeGreaterThan(0)
    for (const { path, message } of mistakes) {
      expect(path).toBe(join(cwd, 'linehaul.yaml'))
      expect(message).toMatch(/^line \d+, column \d+: \S/)
      expect(message).not.toContain('open-secret')
    }
    expect(mistakesOf('http: { port: 1 }\nhttp: { port: 2 }')[0]?.message).toMatch(
      /^line 2, column 1: .*unique/,
    )
  })

  it.each([
    ['', /is empty/],
    ['# only a comment\n', /is empty/],
    ['- a\n- b\n', /holds a list; it must be a mapping/],
    ['just words', /holds a single value; it must be a mapping/],
    ['a: *nowhere', /alias/i],
  ])('refuse %j as a whole', (yaml, message) => {
    const [mistake, ...others] = mistakesOf(yaml)
    expect(others).toEqual([])
    expect(mistake?.path).toBe(join(cwd, 'linehaul.yaml'))
    expect(mistake?.message).toMatch(message)
  })

  it.each([
    ['http: 8080', 'http', /8080 is not allowed; allowed: a mapping/],
    ['carriers: { name: a }', 'carriers', /a mapping is not allowed; allowed: a list of carriers/],
    ['tenants:', 'tenants', /nothing is not allowed; allowed: a list of tenants/],
    ['carriers: [7]', 'carriers[0]', /7 is not allowed; allowed: a mapping/],
  ])('tell a wrong shape: %j', (yaml, path, message) => {
    const [mistake] = mistakesOf(yaml)
    expect(mistake?.path).toBe(path)
    expect(mistake?.message).toMatch(message)
  })

  it('never show a secret, not even where it stands in the wrong place', () => {
    const secret = 'S3CRET-S3CRET'
    const mistakes = mistakesOf(
      `
database_url: mysql://u:${secret}@h/d
carriers:
  - { ${CARRIER}, pasword: ${secret}, password: [${secret}], tls: { key: ${secret}, ca: no.pem } }
tenants: [{ name: t, api_keys: ["${secret} x"] }]`,
    )
    expect(mistakes.map(({ path }) => path)).toEqual([
      'database_url',
      'tenants[0].api_keys[0]',
      'carriers[0].password',
      'carriers[0].pasword',
    ])
    expect(JSON.stringify(mistakes)).not.toContain(secret)
    const unreadable = mistakesOf(
      `carriers: [{ ${CARRIER}, password: p, tls: { key: ${secret}, ca: no.pem } }]`,
    )
    expect(unreadable.map(({ path }) => path)).toEqual([
      'carriers[0].tls.ca',
      'carriers[0].tls.key',
    ])
    expect(JSON.stringify(unreadable)).not.toContain(secret)
  })

  it('include a named file that does not exist or cannot be read', () => {
    expect(() => loadConfig({ env: { LINEHAUL_CONFIG: 'no.yaml' }, cwd })).toThrow(
      /LINEHAUL_CONFIG=no\.yaml: the configuration file .*no\.yaml does not exist/,
    )
    expect(() => loadConfig({ env: { LINEHAUL_CONFIG: '.' }, cwd })).toThrow(/cannot be read/)
    expect(() => loadConfig({ env: {}, cwd, file: 'no.yaml' })).toThrow(ConfigError)
  })

  it('in the environment are named after the variable', () => {
    const env = { LINEHAUL_LOG_LEVEL: 'loud', LINEHAUL_HTTP_PORT: '80a', DATABASE_URL: 'x://u:pw' }
    try {
      loadConfig({ env, cwd })
      expect.unreachable()
    } catch (error) {
      expect((error as ConfigError).mistakes.map(({ path }) => path).sort()).toEqual([
        'DATABASE_URL',
        'LINEHAUL_HTTP_PORT',
        'LINEHAUL_LOG_LEVEL',
      ])
      expect((error as Error).message).not.toContain('u:pw')
    }
  })
})

describe('completeCarrier', () => {
  const settings = {
    name: 'sandbox',
    host: '127.0.0.1',
    port: 2776,
    systemId: 'linehaul',
    password: 'sandbox',
    sessions: 2,
    rates: [{ prefix: '44', price: '0.0350', currency: 'EUR' }],
  }

  it('gives what the file would give', () => {
    const carrier = completeCarrier(settings)
    expect(carrier).toMatchObject({ systemId: 'linehaul', sessions: 2, window: 10, tls: undefined })
    expect(carrier.rates).toEqual([{ prefix: '44', priceMicros: 35_000n, currency: 'EUR' }])
    const { systemId, ...others } = settings
    const yaml = JSON.stringify({ carriers: [{ ...others, type: 'smpp', system_id: systemId }] })
    expect(load(yaml).carriers).toEqual([carrier])
  })

  it('refuses what the file would refuse', () => {
    expect(() => completeCarrier({ ...settings, port: 0 })).toThrow(/port: 0 is not allowed/)
  })
})

describe('docs/configuration.md', () => {
  const guide = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')

  it.each(describeSettings().map((setting) => [setting.path, documentationRow(setting)]))(
    'has the line of %s as the schema says it',
    (_path, row) => expect(guide.split('\n')).toContain(row),
  )

  it('has a line for nothing else', () => {
    const rows = guide.split('\n').filter((line) => line.startsWith('| `'))
    expect(rows).toHaveLength(describeSettings().length)
  })

  it('shows examples that are accepted', () => {
    const key = Buffer.alloc(32, 1).toString('base64')
    const old = Buffer.alloc(32, 2).toString('base64')
    const env = { ALPHA_PASSWORD: 'secret', LINEHAUL_KEY_2026: key, LINEHAUL_KEY_2025: old }
    const examples = [...guide.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, each = '']) => each)
    expect(examples).toHaveLength(4)
    const [whole, policies, inbound, encryption] = examples.map((each) => load(each, env))
    expect(whole?.carriers).toHaveLength(1)
    expect(policies?.policies.otp.validitySeconds).toBe(300)
    expect(inbound?.inbound.routes).toHaveLength(3)
    expect(encryption?.encryption.active).toBe('2026')
  })
})

describe('carriers over HTTP', () => {
  const HTTP = 'name: a, type: http'
  const TWILIO = `twilio: { account_sid: AC1, auth_token: secret }`

  it('have the settings of their provider, and its pace unless told otherwise', () => {
    const rates = 'rates: [{ prefix: "44", price: "0.01", currency: EUR }]'
    const [carrier] = load(
      `carriers: [{ ${HTTP}, ${TWILIO}, batch_wait_ms: 0, ${rates} }]`,
    ).carriers
    expect(carrier).toMatchObject({
      name: 'a',
      type: 'http',
      provider: 'twilio',
      settings: { endpoint: 'https://api.twilio.com', account_sid: 'AC1' },
      requestsPerSecond: 0,
      timeoutMs: 10_000,
      batch: { max: undefined, waitMs: 0, acrossTenants: false },
      callback: { url: undefined, secret: undefined, addresses: [] },
      rates: [{ prefix: '44' }],
    })
  })

  it.each([
    [`${HTTP}`, 'carriers[0]', 'has no provider; allowed: one of'],
    [`${HTTP}, window: 5, ${TWILIO}`, 'carriers[0].window', 'there is no such key'],
    [`${HTTP}, twilio: { auth_token: x }`, 'carriers[0].twilio.account_sid', 'is missing'],
    [`${HTTP}, ${TWILIO}, callback_secret: short`, 'carriers[0].callback_secret', 'not allowed'],
    [`name: a, type: fax`, 'carriers[0].type', '"fax" is not allowed; allowed: smpp or http'],
    [`name: a`, 'carriers[0].type', 'is missing; allowed: smpp or http'],
  ])('{ %s } is refused', (keys, path, message) => {
    expect(mistakesOf(`carriers: [{ ${keys} }]`)).toContainEqual({
      path,
      message: expect.stringContaining(message),
    })
  })
})
