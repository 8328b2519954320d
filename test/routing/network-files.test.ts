import { describe, expect, it } from 'vitest'
import { GoogleCarriersReader } from '../../src/routing/google-carriers.ts'
import { readMccMncList, writeMccMncList } from '../../src/routing/mcc-mnc-list.ts'
import {
  cellsOf,
  linesOf,
  NetworkCsvReader,
  networkLine,
  type RangeReader,
} from '../../src/routing/network-csv.ts'
import {
  NetworkNames,
  readNetworkNames,
  writeNetworkNames,
} from '../../src/routing/network-names.ts'
import { countryOfPrefix } from '../../src/routing/prefix-country.ts'

function read<Reader extends RangeReader>(reader: Reader, text: string): Reader {
  let number = 0
  for (const line of linesOf(text)) reader.take(line, ++number)
  return reader
}

/** As the list is published, shortened to a few entries of each kind that is in it. */
const LIST = `[
    {
        "type": "National",
        "countryName": "United Kingdom",
        "countryCode": "GB",
        "mcc": "234",
        "mnc": "20",
        "brand": "3",
        "operator": "Hutchison 3G UK Ltd",
        "status": "Operational",
        "bands": "UMTS 2100",
        "notes": null
    },
    {
        "type": "National",
        "countryCode": "GB",
        "mcc": "234",
        "mnc": "30",
        "brand": "EE",
        "operator": "EE",
        "status": "Operational"
    },
    {
        "type": "National",
        "countryCode": "GB",
        "mcc": "234",
        "mnc": "33",
        "brand": "EE",
        "operator": "EE",
        "status": "Operational"
    },
    {
        "type": "National",
        "countryCode": "CN",
        "mcc": "460",
        "mnc": "00",
        "brand": "China Mobile",
        "operator": "China Mobile",
        "status": "Operational"
    },
    {
        "type": "National",
        "countryCode": "CN",
        "mcc": "460",
        "mnc": "01",
        "brand": "China Unicom",
        "operator": "China Unicom",
        "status": "Operational"
    },
    {
        "type": "National",
        "countryCode": "CN",
        "mcc": "460",
        "mnc": "06",
        "brand": "China Unicom",
        "operator": "China Unicom",
        "status": "Not operational"
    },
    {
        "type": "National",
        "countryCode": "GE-AB",
        "mcc": "289",
        "mnc": "67",
        "brand": "Aquafon",
        "operator": "Aquafon JSC",
        "status": "Operational"
    },
    { "type": "Test", "countryCode": null, "mcc": "001", "mnc": "01", "brand": "TEST", "operator": "Test network", "status": "Operational" },
    { "type": "National", "countryCode": "US", "mcc": "310", "mnc": "004", "brand": "Verizon", "operator": "Verizon Wireless", "status": null },
    { "type": "National", "countryCode": "BS", "mcc": "364", "mnc": "", "brand": null, "operator": null, "status": "Unknown" }
]
`

describe('CSV of ranges', () => {
  const GOOD = 'prefix,mccmnc,name\r\n447400,23420,Three\n\n4479,GB-ee,"EE, and ""BT"""\n'

  it('is read and written', () => {
    const { ranges, mistakes } = read(new NetworkCsvReader(), `\ufeff${GOOD}`)
    expect(mistakes.count).toBe(0)
    expect(ranges).toEqual([
      { prefix: '447400', network: { mccmnc: '23420', name: 'Three' } },
      { prefix: '4479', network: { mccmnc: 'GB-ee', name: 'EE, and "BT"' } },
    ])
    const again = ['prefix,mccmnc,name', ...ranges.map(networkLine)].join('\n')
    expect(read(new NetworkCsvReader(), again).ranges).toEqual(ranges)
  })

  it('has each wrong line refused with its number, its value and what would be right', () => {
    const { mistakes } = read(
      new NetworkCsvReader('44'),
      [
        'prefix,mccmnc,name',
        '+4474,23420,Three',
        '4474,2342,Three',
        '4475,23420,',
        '4476,23420',
        '4477,23420,Three',
        '4477,23430,EE',
        '4915,26201,Telekom',
        '4478,23420,"Three',
        '0044,23420,Three',
      ].join('\n'),
    )
    expect(mistakes.list.map(({ line, message }) => `${line}: ${message}`)).toEqual([
      '2: prefix "+4474" is not allowed; write 1 to 15 digits of the number in international form, without "+" or "00"',
      '3: mccmnc "2342" is not allowed; write MCC and MNC, five or six digits such as 23415, or a key such as GB-three',
      '4: the name is empty; write the name of the network',
      '5: the line has 2 columns; write three: prefix,mccmnc,name',
      '7: prefix 4477 stands on line 6 already; write it once',
      '8: prefix 4915 does not begin with 44, which the file is to replace',
      expect.stringMatching(/^9: .*a quote is open/),
      expect.stringMatching(/^10: prefix "0044" is not allowed/),
    ])
  })

  it('needs its header, and lists a hundred mistakes at most', () => {
    const { mistakes } = read(new NetworkCsvReader(), '447400,23420,Three')
    expect(mistakes.list).toEqual([
      { line: 1, message: '"447400,23420,Three" is not the header; write "prefix,mccmnc,name"' },
    ])
    const many = read(new NetworkCsvReader(), `prefix,mccmnc,name\n${'x,y,z\n'.repeat(500)}`)
    expect(many.mistakes.count).toBe(500)
    expect(many.mistakes.list).toHaveLength(100)
  })

  it('has cells as RFC 4180 has them', () => {
    expect(cellsOf(' a , "b, ""c""" ,')).toEqual(['a', 'b, "c"', ''])
    expect(cellsOf('"a"b,c')).toMatch(/quote/)
  })
})

describe('mcc-mnc-list', () => {
  it('gives codes, brands, companies and countries; what names no network is passed over', () => {
    const { networks, mistakes } = readMccMncList(LIST)
    expect(mistakes.list).toEqual([])
    expect(networks.map(({ mccmnc, name, country }) => `${mccmnc} ${name} ${country}`)).toEqual([
      '23420 3 GB',
      '23430 EE GB',
      '23433 EE GB',
      '46000 China Mobile CN',
      '46001 China Unicom CN',
      '46006 China Unicom CN',
      '28967 Aquafon GE',
      '310004 Verizon US',
    ])
    expect(networks[0]?.operator).toBe('Hutchison 3G UK Ltd')
    expect(readMccMncList(writeMccMncList(networks)).networks).toEqual(networks)
  })

  it('has a wrong entry refused with the line that it begins on', () => {
    const wrong = LIST.replace(
      '"mcc": "460",\n        "mnc": "01"',
      '"mcc": "46",\n        "mnc": "01"',
    ).replace('"mnc": "67"', '"mnc": 67')
    expect(readMccMncList(wrong).mistakes.list).toEqual([
      { line: 41, message: 'mcc "46" is not allowed; write three digits' },
      { line: 59, message: 'mnc 67 is not allowed; write a text or null' },
    ])
    expect(readMccMncList('{"a":1}').mistakes.list[0]?.message).toMatch(/no list/)
    expect(readMccMncList('[1,').mistakes.list[0]?.message).toMatch(/no JSON/)
    expect(readMccMncList('[\n1,\n[2],\n{"mcc":"234"}]').mistakes.list).toEqual([
      { line: 2, message: '1 is no object with mcc, mnc and operator' },
      { line: 3, message: '[2] is no object with mcc, mnc and operator' },
    ])
  })
})

describe('NetworkNames', () => {
  const listed = readMccMncList(LIST).networks

  it('joins a name and a country where one network goes by it', () => {
    const names = new NetworkNames(listed)
    expect(names.codeOf('Hutchison 3G UK Ltd', 'GB')).toBe('23420')
    expect(names.codeOf('CHINA-MOBILE', 'CN')).toBe('46000')
    expect(names.codeOf('China Unicom', 'CN'), 'the one in use').toBe('46001')
    expect(names.codeOf('EE', 'GB'), 'two in use').toBeUndefined()
    expect(names.codeOf('China Mobile', 'HK')).toBeUndefined()
    expect(names.nameOf('23420')).toBe('3')
  })

  it('lets what the operator says go first', () => {
    const own = readNetworkNames('mccmnc,name,country\n23430,EE,GB\n23420,Three,GB\n')
    expect(own.mistakes.count).toBe(0)
    const names = new NetworkNames(listed, own.networks)
    expect(names.codeOf('EE', 'GB')).toBe('23430')
    expect(names.codeOf('Three', 'GB')).toBe('23420')
    expect(names.nameOf('23420')).toBe('Three')
    expect(readNetworkNames(writeNetworkNames(own.networks)).networks).toEqual(own.networks)
  })

  it('refuses wrong lines', () => {
    const { mistakes } = readNetworkNames('mccmnc,name,country\n234,EE,GB\n23430,EE,gb\n23430,EE')
    expect(mistakes.list.map(({ line, message }) => `${line}: ${message.slice(0, 20)}`)).toEqual([
      '2: mccmnc "234" is not ',
      '3: country "gb" is not ',
      '4: the line has 2 colum',
    ])
  })
})

describe("Google's carrier files", () => {
  /** Lines as in resources/carrier/en. */
  const FILE = `# Copyright (C) 2012 The Libphonenumber Authors
#
# Licensed under the Apache License, Version 2.0

447300|EE
447400|Three
4474060|Cheers
44741|Three
447509|Jersey Telecom
4475|
`

  it('join codes where they can, and make keys elsewhere', () => {
    const own = readNetworkNames('mccmnc,name,country\n23420,Three,GB\n').networks
    const reader = new GoogleCarriersReader(
      new NetworkNames(readMccMncList(LIST).networks, own),
      '44',
    )
    const { ranges, mistakes } = read(reader, FILE)
    expect(mistakes.list).toEqual([])
    expect(
      ranges.map(({ prefix, network }) => `${prefix} ${network.mccmnc} ${network.name}`),
    ).toEqual([
      '447300 GB-ee EE',
      '447400 23420 Three',
      '4474060 GB-cheers Cheers',
      '44741 23420 Three',
      expect.stringMatching(/^447509 (JE|44)-jersey-telecom Jersey Telecom$/),
    ])
  })

  it('have wrong lines refused', () => {
    const reader = read(
      new GoogleCarriersReader(new NetworkNames(), '86'),
      '86130;X\n44|Y\n+86|Z\n86|Z\n86|Q',
    )
    expect(reader.mistakes.list.map(({ line, message }) => `${line}: ${message}`)).toEqual([
      '1: "86130;X" has no "|"; write the prefix, "|" and the name, for example 447400|Three',
      '2: prefix 44 does not begin with 86, which the file is to replace',
      expect.stringMatching(/^3: prefix "\+86" is not allowed/),
      '5: prefix 86 stands on line 4 already; write it once',
    ])
  })
})

describe('countryOfPrefix', () => {
  it.each([
    ['86130', '86', 'CN'],
    ['447400', '44', 'GB'],
    ['447781', '44', 'GG'],
    ['1204', '1', 'CA'],
    ['1242', '1', 'BS'],
    ['7701', '7', 'KZ'],
    ['7910', '7', 'RU'],
    ['1', '1', undefined],
    ['44', '44', undefined],
  ])('%s is of +%s, %s', (prefix, callingCode, country) => {
    expect(countryOfPrefix(prefix)).toEqual({ callingCode, country })
  })

  it('knows no country of what begins with no calling code', () => {
    expect(countryOfPrefix('999')).toBeUndefined()
    expect(countryOfPrefix('')).toBeUndefined()
  })
})
