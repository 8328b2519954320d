import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/config/mistake.ts'
import type { OtherTenants } from '../../src/config/tenants.ts'

function load(file: object, others?: OtherTenants) {
  const text = JSON.stringify(file)
  return parseConfig({ path: '/etc/linehaul.yaml', text }, { env: {}, cwd: '/' }, others)
}

function mistakesOf(file: object, others?: OtherTenants): string[] {
  try {
    load(file, others)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.mistakes.map(({ path, message }) => `${path}: ${message}`)
  }
  return []
}

describe('the tenants of a file', () => {
  it('are active and below none unless it says otherwise', () => {
    const { tenants } = load({
      tenants: [{ name: 'top' }, { name: 'shop', parent: 'top', status: 'suspended' }],
    })
    expect(tenants).toMatchObject([
      { name: 'top', status: 'active', parent: undefined, source: 'file' },
      { name: 'shop', status: 'suspended', parent: 'top', source: 'file' },
    ])
  })

  it.each<[string, object[], string]>([
    [
      'a parent that there is not',
      [{ name: 'shop', parent: 'top' }],
      'tenants[0].parent: there is no tenant "top"',
    ],
    [
      'a tenant below itself',
      [{ name: 'one', parent: 'one' }],
      'tenants[0].parent: one, below one: that is a circle',
    ],
    [
      'a circle',
      [
        { name: 'one', parent: 'two' },
        { name: 'two', parent: 'one' },
      ],
      'tenants[0].parent: one, below two, below one: that is a circle',
    ],
    [
      'four levels',
      [
        { name: 'a' },
        { name: 'b', parent: 'a' },
        { name: 'c', parent: 'b' },
        { name: 'd', parent: 'c' },
      ],
      'tenants[3].parent: d, below c, below b, below a: more than 3 levels',
    ],
    [
      'a status that there is not',
      [{ name: 'a', status: 'paused' }],
      'tenants[0].status: "paused" is not allowed; allowed: one of active, suspended, closed',
    ],
  ])('may not have %s', (_, tenants, mistake) => {
    expect(mistakesOf({ tenants })).toContain(mistake)
  })

  it('may have three levels', () => {
    const tenants = [{ name: 'a' }, { name: 'b', parent: 'a' }, { name: 'c', parent: 'b' }]
    expect(mistakesOf({ tenants })).toEqual([])
  })
})

describe('the tenants of the API', () => {
  const file = { tenants: [{ name: 'top' }], billing: { tax_percent: '19' } }

  it('stand behind those of the file, and by its defaults', () => {
    const { tenants } = load(file, [{ name: 'shop', parent: 'top', billing: { currency: 'EUR' } }])
    expect(tenants.map(({ name, source }) => [name, source])).toEqual([
      ['top', 'file'],
      ['shop', 'api'],
    ])
    expect(tenants[1]?.billing).toMatchObject({
      currency: 'EUR',
      charging: { taxPpm: 190_000 },
    })
  })

  it('give way to one of the same name in the file', () => {
    const { tenants } = load(file, [{ name: 'top', status: 'closed' }])
    expect(tenants).toMatchObject([{ name: 'top', status: 'active', source: 'file' }])
  })

  it('may be named by everything that names tenants in the file', () => {
    const named = {
      ...file,
      partners: [{ system_id: 'esme', password: 'pw', tenant: 'shop' }],
      limits: { tenants: [{ tenant: 'shop', segments_per_day: 5 }] },
      guards: { except: { tenants: ['shop'] } },
      rates: [{ tenant: 'shop', prefix: '44', price: '0.04', currency: 'EUR' }],
      routing: { routes: [{ name: 'r', tenants: ['shop'] }] },
    }
    expect(mistakesOf(named, [{ name: 'shop' }])).toEqual([])
    expect(mistakesOf(named, 'unknown')).toEqual([])
    const paths = mistakesOf(named).map((each) => each.split(':')[0])
    expect(paths).toEqual([
      'partners[0].tenant',
      'rates[0].tenant',
      'routing.routes[0].tenants[0]',
      'guards.except.tenants[0]',
      'limits.tenants[0].tenant',
    ])
  })

  it('are named by their mistakes, and so are those that they cause', () => {
    const others = [
      { name: 'shop', billing: { credit_limit: '5' } },
      { name: 'stall', parent: 'gone' },
    ]
    expect(mistakesOf(file, others)).toEqual([
      'tenant "stall" of the API.parent: there is no tenant "gone"',
      'tenant "shop" of the API.billing.credit_limit: needs tenants[1].billing.currency: an amount of which currency is it?',
    ])
  })

  it('do not hide other mistakes where they are not known yet', () => {
    expect(mistakesOf({ ...file, tenants: [{ name: 'top', rubbish: 1 }] }, 'unknown')).toHaveLength(
      1,
    )
  })
})
