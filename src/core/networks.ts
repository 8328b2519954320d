import { BlockList, isIP, isIPv4 } from 'node:net'

interface Network {
  readonly address: string
  readonly bits: number
  readonly family: 'ipv4' | 'ipv6'
}

const MAPPED_V4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i
const MAPPED_BITS = 96

/** All IPv4 addresses in the form that sockets of both families give them. */
const mapped = new BlockList()
mapped.addSubnet('::ffff:0:0', MAPPED_BITS, 'ipv6')

/** A list of IP addresses and networks, for instance those that a partner may come from. */
export class Networks {
  readonly #v4 = new BlockList()
  readonly #v6 = new BlockList()

  /**
   * @param list - addresses and networks as `isNetwork` takes them
   * @throws {RangeError} for anything else
   */
  constructor(list: readonly string[]) {
    for (const text of list) {
      const network = readNetwork(text)
      if (!network) throw new RangeError(`"${text}" is no address or network`)
      const { address, bits, family } = network
      const blocks = family === 'ipv4' ? this.#v4 : this.#v6
      blocks.addSubnet(address, bits, family)
    }
  }

  /** True for an address of the list; an IPv4 address written as IPv6 (`::ffff:…`) counts as IPv4. */
  has(address: string): boolean {
    switch (isIP(address)) {
      case 4:
        return this.#v4.check(address, 'ipv4')
      case 6:
        if (mapped.check(address, 'ipv6')) return this.#v4.check(address, 'ipv6')
        return this.#v6.check(address, 'ipv6')
      default:
        return false
    }
  }
}

/** True for `203.0.113.7`, `203.0.113.0/24`, `2001:db8::1`, `2001:db8::/32`. */
export function isNetwork(text: string): boolean {
  return readNetwork(text) !== undefined
}

function readNetwork(text: string): Network | undefined {
  const [whole = '', length, ...others] = text.split('/')
  if (others.length > 0 || (length !== undefined && !/^\d{1,3}$/.test(length))) return undefined
  // A zone (`%eth0`) names a link of one machine, not a network.
  if (isIP(whole) === 0 || whole.includes('%')) return undefined
  const inner = MAPPED_V4.exec(whole)?.[1]
  if (inner !== undefined) {
    const bits = length === undefined ? 32 : Number(length) - MAPPED_BITS
    return bits >= 0 && bits <= 32 ? { address: inner, bits, family: 'ipv4' } : undefined
  }
  const family = isIPv4(whole) ? 'ipv4' : 'ipv6'
  const longest = family === 'ipv4' ? 32 : 128
  const bits = length === undefined ? longest : Number(length)
  return bits <= longest ? { address: whole, bits, family } : undefined
}
