import { type LineMistakes, shown } from './line-mistakes.ts'
import { generatedKey, type NetworkRange } from './network.ts'
import { RangeCollector, type RangeReader } from './network-csv.ts'
import type { NetworkNames } from './network-names.ts'
import { countryOfPrefix } from './prefix-country.ts'

/**
 * Reads a file of Google's libphonenumber, `resources/carrier/en/44.txt`: lines such as
 * `447400|Three`, beside comments that begin with `#`.
 *
 * Such a file has names and no codes. A name that exactly one network of the prefix's country has gets
 * that network's MCC and MNC; any other one keeps its name and gets a key made of both. A name that stands
 * empty says that nobody knows the carrier: the line is passed over.
 */
export class GoogleCarriersReader implements RangeReader {
  readonly #collector: RangeCollector
  readonly #names: NetworkNames
  readonly #keys = new Map<string, string>()

  /** @param scope - every prefix has to begin so; empty: anyhow */
  constructor(names: NetworkNames, scope = '') {
    this.#collector = new RangeCollector(scope)
    this.#names = names
  }

  get ranges(): readonly NetworkRange[] {
    return this.#collector.ranges
  }

  get mistakes(): LineMistakes {
    return this.#collector.mistakes
  }

  take(line: string, number: number): void {
    const content = line.trim()
    if (content === '' || content.startsWith('#')) return
    const bar = content.indexOf('|')
    if (bar < 0) {
      const wanted = 'write the prefix, "|" and the name, for example 447400|Three'
      this.mistakes.add(number, `${shown(content)} has no "|"; ${wanted}`)
      return
    }
    const prefix = content.slice(0, bar).trim()
    const name = content.slice(bar + 1).trim()
    if (name === '') return
    // The collector tells what is wrong with a prefix.
    const key = /^\d+$/.test(prefix) ? this.#keyOf(prefix, name) : ''
    this.#collector.add(number, prefix, key, name)
  }

  #keyOf(prefix: string, name: string): string {
    const place = countryOfPrefix(prefix)
    // Codes of no country, such as those of satellite phones, have three digits.
    const where = place?.country ?? place?.callingCode ?? prefix.slice(0, 3)
    const both = `${where} ${name}`
    let key = this.#keys.get(both)
    if (key === undefined) {
      const code = place?.country && this.#names.codeOf(name, place.country)
      key = code || generatedKey(name, where)
      this.#keys.set(both, key)
    }
    return key
  }
}
