import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { regionOf } from '../../src/routing/regions.ts'
import { parseSender, type Sender } from '../../src/routing/sender.ts'
import { SENDER_COUNTRIES } from '../../src/routing/sender-countries.ts'
import {
  type SenderQuestion,
  type SenderRule,
  SenderRules,
} from '../../src/routing/sender-rules.ts'

function sender(text: string): Sender {
  const parsed = parseSender(text)
  if (!parsed.ok) throw new Error(parsed.reason)
  return parsed.sender
}

function question(
  from: string,
  country: string,
  more: Partial<SenderQuestion> = {},
): SenderQuestion {
  return {
    country,
    tenantId: 'shop',
    trafficClass: 'transactional',
    sender: sender(from),
    ...more,
  }
}

describe('SenderRules', () => {
  it('allow everything where there are none', () => {
    expect(new SenderRules().judge(question('ACME', 'US'))).toEqual({ action: 'allow' })
  })

  it('follow the table that is shipped: no names in the United States, numbers and short codes pass', () => {
    const rules = new SenderRules({ useShipped: true })
    expect(rules.judge(question('ACME', 'US'))).toMatchObject({
      action: 'refuse',
      reason: expect.stringContaining('numbers and short codes only'),
    })
    for (const from of ['+12025550123', '24242']) {
      expect(rules.judge(question(from, 'US'))).toEqual({ action: 'allow' })
    }
    expect(rules.judge(question('ACME', 'GB'))).toEqual({ action: 'allow' })
  })

  it('refuse unregistered names only where that is asked for, and own rules allow registered ones', () => {
    const lenient = new SenderRules({ useShipped: true })
    expect(lenient.judge(question('ACME', 'SG'))).toMatchObject({
      action: 'allow',
      warning: expect.stringContaining('registered as senders'),
    })
    const own: SenderRule = { countries: ['SG'], senders: ['acme'], action: 'allow' }
    const strict = new SenderRules({ useShipped: true, refuseUnregistered: true, rules: [own] })
    expect(strict.judge(question('ACME', 'SG'))).toEqual({ action: 'allow' })
    expect(strict.judge(question('OTHER', 'SG'))).toMatchObject({ action: 'refuse' })
  })

  it('warn where only some networks want it registered, or it is replaced, and never refuse that', () => {
    const strict = new SenderRules({ useShipped: true, refuseUnregistered: true })
    for (const [country, warning] of [
      ['KE', 'Safaricom'],
      ['HU', 'a number of theirs'],
    ] as const) {
      expect(strict.judge(question('ACME', country))).toMatchObject({
        action: 'allow',
        warning: expect.stringContaining(warning),
      })
      expect(strict.judge(question('+447700900123', country))).toEqual({ action: 'allow' })
    }
    expect(new SenderRules().judge(question('ACME', 'HU'))).toEqual({ action: 'allow' })
  })

  it('take the first that fits by country, tenant, class, kind and sender', () => {
    const replacement = sender('+12025550123')
    const rules = new SenderRules({
      useShipped: true,
      rules: [
        { countries: ['US'], tenants: ['bank'], action: 'allow' },
        { countries: ['US'], trafficClasses: ['otp'], action: 'replace', replacement, reason: 'A' },
        { kinds: ['short_code'], action: 'refuse', reason: 'B' },
        { senders: ['441632960000'], action: 'refuse', reason: 'C' },
      ],
    })
    expect(rules.judge(question('ACME', 'US', { tenantId: 'bank' }))).toEqual({ action: 'allow' })
    expect(rules.judge(question('ACME', 'US', { trafficClass: 'otp' }))).toEqual({
      action: 'replace',
      sender: replacement,
      reason: 'A',
    })
    expect(rules.judge(question('ACME', 'US'))).toMatchObject({ action: 'refuse' })
    expect(rules.judge(question('24242', 'GB'))).toEqual({ action: 'refuse', reason: 'B' })
    expect(rules.judge(question('+441632960000', 'GB'))).toEqual({ action: 'refuse', reason: 'C' })
    expect(rules.judge(question('+441632960001', 'GB'))).toEqual({ action: 'allow' })
    expect(rules.judge(question('ACME', 'US', { tenantId: null }))).toMatchObject({
      action: 'refuse',
    })
  })

  it('keep a short code of ours in its country', () => {
    const rules = new SenderRules({ shortCodes: [{ code: '60123', country: 'GB' }] })
    expect(rules.judge(question('60123', 'GB'))).toEqual({ action: 'allow' })
    expect(rules.judge(question('60123', 'DE'))).toEqual({
      action: 'refuse',
      reason: 'the short code 60123 works in GB only',
    })
    expect(rules.judge(question('60124', 'DE'))).toEqual({ action: 'allow' })
  })
})

describe('the table that is shipped', () => {
  const all = [...SENDER_COUNTRIES.values()]

  it('knows every country it names, and where it is from', () => {
    expect(all.length).toBeGreaterThanOrEqual(40)
    for (const { country, source } of all) {
      expect(regionOf(country), country).toBeDefined()
      expect(new URL(source).protocol, country).toBe('https:')
    }
  })

  it('stands in the guide, with the source of each row', async () => {
    const guide = await readFile(new URL('../../docs/numbers.md', import.meta.url), 'utf8')
    const rows = guide.split('\n').filter((line) => /^\| [A-Z]{2} \|/.test(line))
    expect(rows).toEqual(
      all.map(
        ({ country, names, note, source }) =>
          `| ${country} | \`${names}\` | ${note} | [${new URL(source).hostname}](${source}) |`,
      ),
    )
  })
})
