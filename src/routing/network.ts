import { NumberMap } from './number-map.ts'
import { type PrefixMatch, PrefixTable } from './prefix-table.ts'

/** A mobile network, or another operator that has numbers. */
export interface Network {
  /**
   * MCC and MNC as one text of five or six digits: `23415`; for an operator whose MCC and MNC nobody
   * has told, a key that cannot be taken for one, see {@link generatedKey}: `GB-three`.
   */
  readonly mccmnc: string
  readonly name: string
}

/** A block of numbers and the network that it was given to. */
export interface NetworkRange {
  /** Leading digits of the numbers in international form, without `+`. */
  readonly prefix: string
  readonly network: Network
}

/** Where messages get the network of a number from. */
export interface NetworkSource {
  /** The network as it is known now, from memory; null: not known. */
  find(e164: string): Network | null
  /** Asks for what is not known yet; undefined: there is nothing to wait for. */
  resolve(numbers: readonly string[]): Promise<void> | undefined
  /** False where {@link resolve} never has anything to wait for. */
  readonly looksUp: boolean
}

/** Nothing is known of networks. */
export const NO_NETWORKS: NetworkSource = {
  find: () => null,
  resolve: () => undefined,
  looksUp: false,
}

/** Networks by small numbers, which take less room beside a million phone numbers than objects do. */
export class NetworkPlaces {
  readonly #networks: Network[] = []
  readonly #places = new Map<string, number>()
  #nameOf: (mccmnc: string) => string | undefined = () => undefined

  /** The place of a network, a new one at its first time. */
  placeOf(mccmnc: string): number {
    let place = this.#places.get(mccmnc)
    if (place === undefined) {
      place = this.#networks.push(this.#named(mccmnc)) - 1
      this.#places.set(mccmnc, place)
    }
    return place
  }

  at(place: number): Network | undefined {
    return this.#networks[place]
  }

  /** Gives the networks their names, those to come as well; one that is not known goes by its key. */
  rename(nameOf: (mccmnc: string) => string | undefined): void {
    this.#nameOf = nameOf
    for (const [place, { mccmnc }] of this.#networks.entries()) {
      this.#networks[place] = this.#named(mccmnc)
    }
  }

  #named(mccmnc: string): Network {
    return { mccmnc, name: this.#nameOf(mccmnc) ?? mccmnc }
  }
}

/** Single numbers that are not with the network that their range was given to. */
export class PortedNumbers {
  readonly #numbers = new NumberMap()
  readonly #places: NetworkPlaces

  constructor(places = new NetworkPlaces()) {
    this.#places = places
  }

  /** How many numbers there are. */
  get size(): number {
    return this.#numbers.size
  }

  find(e164: string): Network | undefined {
    const place = this.#numbers.get(e164)
    return place === undefined ? undefined : this.#places.at(place)
  }

  /** @returns false for what is no number of up to 15 digits: nothing is set */
  set(e164: string, mccmnc: string): boolean {
    return this.#numbers.set(e164, this.#places.placeOf(mccmnc))
  }

  /** False when it was not there. */
  delete(e164: string): boolean {
    return this.#numbers.delete(e164)
  }

  /** Every number as digits without `+`, with the key of its network, in no order. */
  *entries(): Generator<[string, string], undefined> {
    for (const [number, place] of this.#numbers.entries()) {
      yield [number, this.#places.at(place)?.mccmnc ?? '']
    }
    return undefined
  }
}

/**
 * The network of a number: that of the longest prefix, and over it single numbers that were ported.
 *
 * A look-up walks the digits of the number and allocates nothing.
 */
export class NetworkTable {
  readonly ported: PortedNumbers
  readonly #ranges = new PrefixTable<Network>()
  readonly #names = new Map<string, string>()

  /** @param ported - goes over the ranges; what is changed in it later holds at once */
  constructor(ranges: Iterable<NetworkRange> = [], ported = new PortedNumbers()) {
    this.ported = ported
    for (const range of ranges) this.add(range)
  }

  /** How many ranges there are. */
  get size(): number {
    return this.#ranges.size
  }

  /** Adds a range, or sets that of the same prefix. */
  add({ prefix, network }: NetworkRange): void {
    this.#ranges.set(prefix, network)
    if (!this.#names.has(network.mccmnc)) this.#names.set(network.mccmnc, network.name)
  }

  find(e164: string): Network | undefined {
    return this.ported.find(e164) ?? this.rangeOf(e164)?.value
  }

  /** The range of a number, whether it was ported or not. */
  rangeOf(e164: string): PrefixMatch<Network> | undefined {
    return this.#ranges.longestMatch(e164)
  }

  /** The network of exactly this range. */
  get(prefix: string): Network | undefined {
    return this.#ranges.get(prefix)
  }

  /** The name that the ranges give a network. */
  nameOf(mccmnc: string): string | undefined {
    return this.#names.get(mccmnc)
  }

  /** Every range, in the order of the prefixes as texts. */
  *ranges(): Generator<NetworkRange, undefined> {
    for (const { prefix, value } of this.#ranges.entries()) yield { prefix, network: value }
    return undefined
  }
}

const MCCMNC = /^\d{5,6}$/
const GENERATED = /^[A-Z0-9]{1,3}-[a-z0-9-]{1,60}$/

/** {@link isNetworkKey} in words. */
export const NETWORK_KEY_ALLOWED =
  'MCC and MNC, five or six digits such as 23415, or a key such as GB-three'

/** True for what {@link Network.mccmnc} may be. */
export function isNetworkKey(text: string): boolean {
  return MCCMNC.test(text) || GENERATED.test(text)
}

/**
 * The key of a network whose MCC and MNC are not known: the country and the name, `GB-three`. The
 * same name in the same country has the same key whenever it is imported.
 *
 * @param country - ISO 3166 code, or the calling code where several countries share it
 */
export function generatedKey(name: string, country: string): string {
  const plain = name.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()
  const slug = plain.replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '')
  // A name without a Latin letter or digit still needs a key of its own.
  const points = [...name].map((character) => character.codePointAt(0)?.toString(16)).join('-')
  return `${country}-${(slug || points).slice(0, 60).replace(/-+$/, '')}`
}
