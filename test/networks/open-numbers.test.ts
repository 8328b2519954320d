import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { NumbersConfig } from '../../src/config/numbers.ts'
import { systemClock } from '../../src/core/clock.ts'
import { type Numbers, openNumbers } from '../../src/numbers.ts'
import { parseSender } from '../../src/routing/sender.ts'
import type { Store } from '../../src/store/open.ts'
import { keepingLogger } from '../messages/keeping-logger.ts'
import { openTestPglite, truncate } from '../support/database.ts'

const PLAIN: NumbersConfig = {
  networkFile: undefined,
  portedFile: undefined,
  lookup: undefined,
  shortCodes: [],
  senderRules: [],
  shippedSenderRules: true,
  unregisteredSenders: 'allow',
}

const ANY_RULE = {
  countries: undefined,
  tenants: undefined,
  trafficClasses: undefined,
  kinds: undefined,
  senders: undefined,
  action: 'refuse',
  sender: undefined,
  reason: undefined,
} as const

const LOOKUP = {
  url: 'http://127.0.0.1:8080/{number}',
  token: undefined,
  field: 'mccmnc',
  timeoutMs: 1_000,
  deadlineMs: 100,
  concurrency: 1,
  ttlSeconds: 1,
  negativeTtlSeconds: 1,
  cacheEntries: 10,
  maxFailures: 1,
  pauseSeconds: 1,
  allowPrivateAddresses: false,
}

let store: Store
let folder: string
const opened: Numbers[] = []

beforeAll(async () => {
  store = await openTestPglite()
  folder = await mkdtemp(join(tmpdir(), 'linehaul-'))
})
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close()
  await truncate(store)
})
afterAll(async () => {
  await store.close()
  await rm(folder, { recursive: true })
})

async function open(more: Partial<NumbersConfig>, logger = keepingLogger()): Promise<Numbers> {
  const numbers = await openNumbers({
    config: { ...PLAIN, ...more },
    carriers: ['alpha'],
    tenantId: (name) => (name === 'shop' ? 'id-of-shop' : undefined),
    store,
    logger,
    clock: systemClock,
  })
  opened.push(numbers)
  return numbers
}

describe('the files of the configuration', () => {
  it('are taken in when they have changed, and what was imported meanwhile stays', async () => {
    const networkFile = join(folder, 'ranges.csv')
    const portedFile = join(folder, 'ported.csv')
    await writeFile(networkFile, 'prefix,mccmnc,name\n4477,23415,Vodafone\n')
    await writeFile(portedFile, 'number,mccmnc\n447700900123,23430\n')
    const files = { networkFile, portedFile }
    const first = await open(files)
    expect(first.networks.find('+447700900124')?.name).toBe('Vodafone')
    expect(first.networks.find('+447700900123')?.mccmnc).toBe('23430')
    await first.networks.importNetworks({
      format: 'csv',
      text: 'prefix,mccmnc,name\n4477,23430,EE\n',
      source: 'api',
      replaces: '',
      isPreview: false,
    })
    await first.networks.removePorted('+447700900123')

    const same = await open(files)
    expect(same.networks.find('+447700900124')?.name).toBe('EE')
    expect(same.networks.report.ported).toBe(0)
    expect((await same.networks.versions()).map(({ source }) => source)).toEqual([
      'api',
      `file ${portedFile}`,
      `file ${networkFile}`,
    ])

    await writeFile(networkFile, 'prefix,mccmnc,name\n4477,23420,Three\n')
    await writeFile(portedFile, 'number,mccmnc\n447700900125,23415\n')
    const changed = await open(files)
    expect(changed.networks.find('+447700900124')?.name).toBe('Three')
    expect(changed.networks.find('+447700900125')?.mccmnc).toBe('23415')
  })

  it('with mistakes are logged line by line, and the old tables stay', async () => {
    const networkFile = join(folder, 'wrong.csv')
    await writeFile(networkFile, 'prefix,mccmnc,name\n4477,23415,Vodafone\n')
    await open({ networkFile })
    await writeFile(networkFile, 'prefix,mccmnc,name\n4477,1,Vodafone\n')
    const logger = keepingLogger()
    const portedFile = join(folder, 'missing.csv')
    const { networks } = await open({ networkFile, portedFile }, logger)
    expect(networks.find('+447700900124')?.name).toBe('Vodafone')
    expect(logger.lines).toEqual([
      [
        'error',
        expect.stringContaining('the old one stays'),
        expect.objectContaining({
          mistakeCount: 1,
          lines: [expect.stringMatching(/^line 2: mccmnc "1"/)],
        }),
      ],
      [
        'error',
        expect.stringContaining('the old one stays'),
        expect.objectContaining({ file: portedFile, error: expect.stringContaining('ENOENT') }),
      ],
    ])
  })
})

describe('the rules of the configuration', () => {
  it('are those of tenants by their names, for senders as they are written', async () => {
    const { senderRules } = await open({
      senderRules: [
        { ...ANY_RULE, tenants: ['shop'], senders: ['+447700900123'], reason: 'not this one' },
        { ...ANY_RULE, countries: ['US'], action: 'replace', sender: '24242' },
      ],
    })
    const judge = (from: string, country: string, tenantId: string) => {
      const parsed = parseSender(from)
      if (!parsed.ok) throw new Error(parsed.reason)
      const { sender } = parsed
      return senderRules.judge({ country, tenantId, trafficClass: 'otp', sender })
    }
    expect(judge('+447700900123', 'GB', 'id-of-shop')).toEqual({
      action: 'refuse',
      reason: 'not this one',
    })
    expect(judge('+447700900123', 'GB', 'another')).toEqual({ action: 'allow' })
    expect(judge('ACME', 'US', 'another')).toMatchObject({
      action: 'replace',
      sender: { kind: 'short_code', value: '24242' },
    })
  })

  it.each<[Partial<NumbersConfig>, RegExp]>([
    [
      { shortCodes: [{ code: '60123', country: 'XX', carriers: undefined }] },
      /short_codes\[0\].*"XX"/,
    ],
    [{ senderRules: [{ ...ANY_RULE, countries: ['UK'] }] }, /sender_rules\[0\]\.countries.*"UK"/],
    [
      { senderRules: [{ ...ANY_RULE, action: 'replace', sender: 'TwelveLetter' }] },
      /sender_rules\[0\]\.sender: "TwelveLetter": .*11 characters/,
    ],
  ])('are refused where they name what is not there: %j', async (more, message) => {
    await expect(open(more)).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringMatching(message),
    })
  })
})

describe('the look-up of the configuration', () => {
  it('may not be at a private address unless that is said', async () => {
    await expect(open({ lookup: LOOKUP })).rejects.toMatchObject({
      code: 'webhook_address_refused',
    })
    expect(
      (await open({ lookup: { ...LOOKUP, allowPrivateAddresses: true } })).networks.looksUp,
    ).toBe(true)
  })
})

describe('another configuration', () => {
  it('holds when it is taken over: short codes, rules, look-up and files', async () => {
    const numbers = await open({})
    const networkFile = join(folder, 'later.csv')
    await writeFile(networkFile, 'prefix,mccmnc,name\n4478,23430,EE\n')
    const takeOver = numbers.prepare(
      {
        ...PLAIN,
        networkFile,
        shortCodes: [{ code: '60123', country: 'GB', carriers: ['beta'] }],
        senderRules: [{ ...ANY_RULE, tenants: ['shop'], reason: 'not you' }],
        lookup: { ...LOOKUP, allowPrivateAddresses: true },
      },
      ['alpha', 'beta'],
    )
    const { destinations, senderRules, networks } = numbers
    const question = {
      country: 'GB',
      tenantId: 'id-of-shop',
      trafficClass: 'otp',
      sender: { kind: 'alphanumeric', value: 'X', text: 'X' },
    } as unknown as Parameters<typeof senderRules.judge>[0]
    expect(destinations.read('60123').ok).toBe(false)
    expect(senderRules.judge(question)).toEqual({ action: 'allow' })
    expect(networks.looksUp).toBe(false)
    takeOver()
    const read = destinations.read('60123')
    expect(read.ok && destinations.excluded(read.number, undefined)).toEqual(new Set(['alpha']))
    expect(senderRules.judge(question)).toEqual({ action: 'refuse', reason: 'not you' })
    expect(networks.looksUp).toBe(true)
    await vi.waitFor(() =>
      expect(networks.find('+447800900123')).toMatchObject({ mccmnc: '23430' }),
    )
  })

  it('that cannot be changes nothing', async () => {
    const numbers = await open({
      shortCodes: [{ code: '60123', country: 'GB', carriers: undefined }],
    })
    const wrong = { ...PLAIN, shortCodes: [{ code: '1', country: 'XX', carriers: undefined }] }
    expect(() => numbers.prepare(wrong, [])).toThrow(/no country "XX"/)
    expect(() => numbers.prepare({ ...PLAIN, lookup: LOOKUP }, [])).toThrow(/not a public address/)
    expect(numbers.destinations.read('60123').ok).toBe(true)
  })
})
