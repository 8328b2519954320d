import { describe, expect, it } from 'vitest'
import { type InboundRoute, InboundRoutes, keywordOf } from '../../src/inbound/inbound-routes.ts'

function route(tenantId: string, more: Partial<InboundRoute> = {}): InboundRoute {
  return { to: null, keyword: null, carrier: null, tenantId, partner: null, ...more }
}

const routes = new InboundRoutes([
  route('everything'),
  route('carrier', { carrier: 'alpha' }),
  route('keyword', { keyword: 'stop' }),
  route('number', { to: '+447700900999' }),
  route('short code', { to: '60123' }),
  route('short code and keyword', { to: '60123', keyword: 'Größe' }),
])

describe('InboundRoutes', () => {
  it.each([
    ['the number with a plus', { to: '+447700900999', text: 'hi' }, 'number'],
    ['the number without', { to: '447700900999', text: 'hi' }, 'number'],
    ['the number with 00', { to: '00447700900999', text: 'STOP' }, 'number'],
    ['a short code', { to: '60123', text: 'hi' }, 'short code'],
    [
      'a short code with a keyword',
      { to: '60123', text: ' gröSSE, bitte' },
      'short code and keyword',
    ],
    [
      'the keyword, whatever its case',
      { to: '60123', text: '„GRÖßE“ M' },
      'short code and keyword',
    ],
    ['a keyword alone', { to: '999', text: 'Stop!' }, 'keyword'],
    ['a keyword that is not the first word', { to: '999', text: 'do not stop' }, 'everything'],
    ['the carrier', { to: '999', text: 'hi', carrier: 'alpha' }, 'carrier'],
    ['nothing in particular', { to: '999', text: '' }, 'everything'],
  ])('%s', (_what, question, tenantId) => {
    expect(routes.find({ carrier: 'beta', ...question })?.tenantId).toBe(tenantId)
  })

  it('finds nobody where nothing fits', () => {
    const few = new InboundRoutes([route('number', { to: '60123' })])
    expect(few.find({ carrier: 'alpha', to: '60124', text: 'hi' })).toBeUndefined()
  })

  it('takes the first of those that say as much', () => {
    const same = new InboundRoutes([
      route('a', { keyword: 'stop' }),
      route('b', { keyword: 'stop', carrier: null }),
    ])
    expect(same.find({ carrier: 'alpha', to: '1', text: 'stop' })?.tenantId).toBe('a')
  })
})

describe('keywordOf', () => {
  it.each([
    ['  win 42', 'WIN'],
    ['"Yes."', 'YES'],
    ['', ''],
    ['\n', ''],
    ['!!!', ''],
    ['e\u0301te\u0301 x', 'ÉTÉ'],
  ])('%j is %j', (text, word) => expect(keywordOf(text)).toBe(word))
})
