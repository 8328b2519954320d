import { describe, expect, it, test } from 'vitest'
import { atOnce } from '../../src/core/turns.ts'
import {
  DeckCsvParser,
  type DeckReading,
  deckCsv,
  MAX_LISTED_MISTAKES,
  MAX_ROWS,
  readDeckCsv,
} from '../../src/routing/deck-csv.ts'

const HEADER = 'prefix,price,currency,effective_from'

function ratesOf(...lines: readonly string[]) {
  const reading = readDeckCsv(lines.join('\n'))
  expect(reading.mistakes).toEqual([])
  return [...reading.deck.rates]
}

describe('a deck without mistakes', () => {
  it('gives a rate for each row', () => {
    expect(ratesOf(HEADER, '44,0.0350,EUR,', '+4477,0.04,usd,2026-12-01', '*,1,EUR,')).toEqual([
      { prefix: '44', network: null, priceMicros: 35_000n, currency: 'EUR', effectiveFromMs: 0 },
      {
        prefix: '4477',
        network: null,
        priceMicros: 40_000n,
        currency: 'USD',
        effectiveFromMs: Date.UTC(2026, 11, 1),
      },
      { prefix: '', network: null, priceMicros: 1_000_000n, currency: 'EUR', effectiveFromMs: 0 },
    ])
  })

  test.each([
    ['mccmnc,price,currency', '23415,0.03,GBP'],
    ['MCC-MNC;Rate;Ccy', '234-15;0.03;GBP'],
    ['mcc\tmnc\tprice\tcurrency', '234\t15\t0.03\tGBP'],
    ['prefix,mccmnc,price,currency', ',23415,0.03,GBP'],
    ['country,"mcc","mnc",operator,price,currency', 'UK,234,15,"Vodafone, ""Ltd""",0.03,GBP'],
  ])('names its columns in its own way: %s', (header, row) => {
    expect(ratesOf(header, row)).toEqual([
      { prefix: null, network: '23415', priceMicros: 30_000n, currency: 'GBP', effectiveFromMs: 0 },
    ])
  })

  it('may have a mark at its beginning, CR LF, blanks, empty rows and columns of no meaning', () => {
    const reading = readDeckCsv(
      '\uFEFF Prefix ; Country ; Price ; Currency\r\n44 ; UK ; 0.03 ; EUR \r\n\r\n;;;\r\n45;DK;0.02;EUR',
    )
    expect(reading).toMatchObject({ mistakeCount: 0, rows: 2, ignoredColumns: ['Country'] })
    expect([...reading.deck.rates].map(({ prefix }) => prefix)).toEqual(['44', '45'])
  })

  it('may come in pieces, cut anywhere', () => {
    const text = `\uFEFF${HEADER}\r\n44,0.03,EUR,2026-12-01\r\n45,"0.02",EUR,\r\n46,-1,EUR,`
    const whole = readDeckCsv(text)
    for (let cut = 0; cut <= text.length; cut++) {
      const parser = new DeckCsvParser()
      for (const piece of [text.slice(0, cut), '', text.slice(cut)]) atOnce(parser.take(piece))
      const reading = atOnce(parser.end())
      expect(reading.mistakes).toEqual(whole.mistakes)
      expect([...reading.deck.rates]).toEqual([...whole.deck.rates])
    }
    expect(whole.mistakes).toMatchObject([{ line: 4, column: 'price', value: '-1' }])
  })

  it('is written so that it reads the same', () => {
    const { deck } = readDeckCsv(
      'prefix,mccmnc,price,currency,from date\n*,,0.01,EUR,\n44,,0.123456,EUR,\n,23415,0,GBP,'.replace(
        'from date',
        'valid from',
      ),
    )
    const dated = readDeckCsv(`${HEADER}\n44,1,EUR,2026-12-01\n44,2,EUR,2026-12-01T10:30:00+02:00`)
    const rates = [...deck.rates, ...dated.deck.rates]
    const text = [...deckCsv({ rates })].join('')
    expect(readDeckCsv(text)).toMatchObject({ mistakeCount: 0 })
    expect([...readDeckCsv(text).deck.rates]).toEqual(rates)
    expect(text.split('\n').slice(-3)).toEqual([
      '44,,1.0000,EUR,2026-12-01',
      '44,,2.0000,EUR,2026-12-01T08:30:00Z',
      '',
    ])
  })
})

describe('a mistake is told with its line, its value and what would be right', () => {
  test.each([
    ['00447,0.03,EUR,', 'prefix', '00447', /international form, for example 447/],
    ['44x,0.03,EUR,', 'prefix', '44x', /1 to 15 digits/],
    ['4.47E+11,0.03,EUR,', 'prefix', '4.47E+11', /1 to 15 digits/],
    ['1234567890123456,0.03,EUR,', 'prefix', '1234567890123456', /1 to 15 digits/],
    ['+,0.03,EUR,', 'prefix', '+', /1 to 15 digits/],
    ['44,-0.03,EUR,', 'price', '-0.03', /negative: write 0 or more/],
    ['44,,EUR,', 'price', '', /for example 0\.0350/],
    ['44,0.0000001,EUR,', 'price', '0.0000001', /at most 6 decimals/],
    ['44,1e3,EUR,', 'price', '1e3', /for example 0\.0350/],
    ['44,1234567890,EUR,', 'price', '1234567890', /up to 9 digits/],
    ['44,"0,03",EUR,', 'price', '0,03', /decimal point, 0\.03/],
    ['44,0.03,XXX,', 'currency', 'XXX', /ISO 4217.*for example EUR/],
    ['44,0.03,,', 'currency', '', /ISO 4217/],
    ['44,0.03,EUR,31.12.2026', 'effective_from', '31.12.2026', /write 2026-01-31/],
    ['44,0.03,EUR,2026-02-30', 'effective_from', '2026-02-30', /write 2026-01-31/],
    ['44,0.03,EUR,2026-13-01', 'effective_from', '2026-13-01', /write 2026-01-31/],
    ['44,0.03,EUR,2026-12-01T25:00:00Z', 'effective_from', '2026-12-01T25:00:00Z', /write/],
    ['44,0.03,EUR,1969-01-01', 'effective_from', '1969-01-01', /write 2026-01-31/],
    ['44,0.03,EUR', null, null, /has 3 columns: write 4/],
    ['44,0.03,EUR,,', null, null, /has 5 columns: write 4/],
    [',0.03,EUR,', null, null, /no destination.*or \* as the prefix/],
    ['"44,0.03,EUR,', null, null, /quote that is not closed/],
    ['"44"x,0.03,EUR,', null, null, /after a closing quote/],
  ])('%s', (row, column, value, message) => {
    const reading = readDeckCsv(`${HEADER}\n33,0.01,EUR,\n${row}\n34,0.02,EUR,\n`)
    expect(reading.mistakes).toEqual([
      { line: 3, column, value, message: expect.stringMatching(message) },
    ])
    expect([...reading.deck.rates].map(({ prefix }) => prefix)).toEqual(['33', '34'])
  })

  test.each([
    ['mccmnc,price,currency', '2341,0.03,EUR', 'mccmnc', /3 digits of MCC/],
    ['mcc,mnc,price,currency', '23,15,0.03,EUR', 'mcc', /3 digits, for example 234/],
    ['mcc,mnc,price,currency', '234,5,0.03,EUR', 'mnc', /zeros in front, for example 05/],
    ['mcc,mnc,price,currency', '234,,0.03,EUR', 'mnc', /2 or 3 digits/],
    ['prefix,mccmnc,price,currency', '44,23415,0.03,EUR', null, /a prefix and a network/],
  ])('%s: %s', (header, row, column, message) => {
    expect(readDeckCsv(`${header}\n${row}`).mistakes).toEqual([
      expect.objectContaining({ line: 2, column, message: expect.stringMatching(message) }),
    ])
  })

  it('several in one row, and rows after it', () => {
    const { mistakes } = readDeckCsv(`${HEADER}\nx,-1,EURO,never\n44,1,EUR,\ny,1,EUR,`)
    expect(mistakes.map(({ line, column }) => [line, column])).toEqual([
      [2, 'prefix'],
      [2, 'price'],
      [2, 'currency'],
      [2, 'effective_from'],
      [4, 'prefix'],
    ])
  })

  it('the same destination twice from the same instant, in any spelling', () => {
    const { mistakes, deck } = readDeckCsv(
      [
        HEADER,
        '44,1,EUR,',
        '44,2,EUR,2026-12-01',
        '+44,3,EUR,',
        '44,4,USD,2026-12-01T00:00:00Z',
        '*,5,EUR,',
        '*,6,EUR,',
      ].join('\n'),
    )
    expect(mistakes).toEqual([
      {
        line: 4,
        column: 'prefix',
        value: '44',
        message: 'prefix with the same effective_from stands in line 2: leave one of them',
      },
      expect.objectContaining({ line: 5, message: expect.stringContaining('in line 3') }),
      expect.objectContaining({ line: 7, value: '*', message: expect.stringContaining('line 6') }),
    ])
    expect(deck.rates.length).toBe(3)
  })

  it('too many dates of one destination', () => {
    const rows = Array.from({ length: 102 }, (_, index) => {
      const at = new Date(Date.UTC(2026, 0, 1 + index)).toISOString().slice(0, 10)
      return `44,1,EUR,${at}`
    })
    const { mistakes } = readDeckCsv([HEADER, '44,1,EUR,', ...rows].join('\n'))
    expect(mistakes.map(({ line }) => line)).toEqual([103, 104])
  })

  test.each([
    ['', /deck is empty/],
    [HEADER, /deck is empty/],
    ['44,0.03,EUR\n45,0.02,EUR', /lacks "prefix", or "mccmnc".* and "price" and "currency"/],
    ['prefix,price\n44,0.03', /lacks "currency"/],
    ['mcc,price,currency\n234,0.03,EUR', /"mcc" without "mnc"/],
    ['mnc,price,currency\n15,0.03,EUR', /"mnc" without "mcc"/],
    ['mcc,mnc,mccmnc,price,currency\n234,15,23415,1,EUR', /network is there twice/],
    ['prefix,price,rate,currency\n44,1,2,EUR', /"price" and "rate" mean the same/],
    ['prefix,"price,currency\n44,1,EUR', /quote that is not closed/],
    [`${HEADER}\n${'4'.repeat(10_001)}`, /more than 10000 characters/],
  ])('in the first row, or without any: %j', (text, message) => {
    const reading = readDeckCsv(text)
    expect(reading.mistakeCount).toBe(1)
    expect(reading.mistakes[0]?.message).toMatch(message)
    expect(reading.deck.rates.length).toBe(0)
  })

  it('a line without an end is given up before it fills the memory', () => {
    const parser = new DeckCsvParser()
    for (let piece = 0; piece < 100; piece++) atOnce(parser.take('x'.repeat(5_000)))
    const { mistakes } = atOnce(parser.end())
    expect(mistakes).toMatchObject([{ line: 1, message: expect.stringContaining('CSV') }])
  })
})

describe('a very large deck', () => {
  function bigDeck(rows: number, rowOf: (index: number) => string): DeckReading {
    const parser = new DeckCsvParser()
    atOnce(parser.take('prefix,price,currency\n'))
    for (let start = 0; start < rows; start += 10_000) {
      const piece = Array.from({ length: Math.min(10_000, rows - start) }, (_, index) =>
        rowOf(start + index),
      )
      atOnce(parser.take(`${piece.join('\n')}\n`))
    }
    return atOnce(parser.end())
  }

  it('of 1,000,000 rows is taken, and one row more is not', () => {
    const row = (index: number) => `${10_000_000 + index},0.01,EUR`
    const whole = bigDeck(MAX_ROWS, row)
    expect([whole.mistakeCount, whole.rows, whole.deck.rates.length]).toEqual([0, 1e6, 1e6])
    const more = bigDeck(MAX_ROWS + 10, row)
    expect(more.mistakes).toEqual([
      {
        line: 1_000_002,
        column: null,
        value: null,
        message: 'a deck may have 1000000 rates at most: the rest was not read',
      },
    ])
  })

  it('of 1,000,000 wrong rows is refused row by row: all are counted, the first are listed', () => {
    const { mistakes, mistakeCount, rows } = bigDeck(MAX_ROWS, (index) =>
      index % 2 === 0 ? `${10_000_000 + index},-1,EUR` : '10000000,1,ABC',
    )
    expect([mistakeCount, rows]).toEqual([1_000_000, 1_000_000])
    expect(mistakes).toHaveLength(MAX_LISTED_MISTAKES)
    expect(mistakes.map(({ line }) => line)).toEqual(
      Array.from({ length: MAX_LISTED_MISTAKES }, (_, index) => index + 2),
    )
  })
})
