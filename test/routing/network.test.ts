import { describe, expect, it } from 'vitest'
import {
  generatedKey,
  isNetworkKey,
  NetworkPlaces,
  NetworkTable,
  PortedNumbers,
} from '../../src/routing/network.ts'

const vodafone = { mccmnc: '23415', name: 'Vodafone' }
const ee = { mccmnc: '23430', name: 'EE' }

describe('NetworkTable', () => {
  const places = new NetworkPlaces()
  const table = new NetworkTable(
    [
      { prefix: '4477', network: vodafone },
      { prefix: '447911', network: ee },
      { prefix: '447', network: ee },
    ],
    new PortedNumbers(places),
  )

  it('gives the network of the longest prefix', () => {
    expect(table.find('+447700900123')).toBe(vodafone)
    expect(table.find('447911123456')).toBe(ee)
    expect(table.find('+4915112345678')).toBeUndefined()
    expect(table.rangeOf('+447700900123')).toEqual({ prefix: '4477', value: vodafone })
  })

  it('puts a ported number over the range, until it is taken out', () => {
    table.ported.set('447700900123', '23430')
    expect(table.find('+447700900123')).toEqual({ mccmnc: '23430', name: '23430' })
    places.rename((code) => table.nameOf(code))
    expect(table.find('+447700900123')).toEqual(ee)
    expect(table.find('+447700900124')).toBe(vodafone)
    table.ported.set('447700900125', '26201')
    expect(table.find('+447700900125')).toEqual({ mccmnc: '26201', name: '26201' })
    expect(table.ported.delete('+447700900123')).toBe(true)
    expect(table.find('+447700900123')).toBe(vodafone)
  })

  it('finds each of 200,000 ranges', () => {
    const large = new NetworkTable()
    for (let index = 0; index < 200_000; index++) {
      large.add({ prefix: String(1_000_000 + index), network: index % 2 === 0 ? vodafone : ee })
    }
    expect(large.size).toBe(200_000)
    for (let index = 0; index < 200_000; index += 997) {
      const found = large.find(`+${1_000_000 + index}55`)
      expect(found).toBe(index % 2 === 0 ? vodafone : ee)
    }
    expect(large.find('+120000055')).toBeUndefined()
  })
})

describe('keys of networks', () => {
  it('are MCC and MNC, or what cannot be taken for them', () => {
    for (const key of ['23415', '310004', 'GB-three', '44-sure', 'CN-china-mobile']) {
      expect(isNetworkKey(key), key).toBe(true)
    }
    for (const key of ['', '2341', '2341500', 'three', 'GB-', 'gb-three', 'GB-Three', '23415 ']) {
      expect(isNetworkKey(key), key).toBe(false)
    }
  })

  it('are made of country and name, always the same', () => {
    expect(generatedKey('Three', 'GB')).toBe('GB-three')
    expect(generatedKey('Télécom & Fils', 'FR')).toBe('FR-telecom-fils')
    expect(generatedKey('МТС', 'RU')).toBe('RU-41c-422-421')
    for (const name of ['Three', 'МТС', '*', 'x'.repeat(200)]) {
      expect(isNetworkKey(generatedKey(name, 'RU')), name).toBe(true)
    }
  })
})
