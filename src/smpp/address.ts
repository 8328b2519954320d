import { isIP } from 'node:net'

const MAPPED_V4 = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/
const GROUPS = 8
/** A site gets a whole /64 at least: 4 of the 8 groups tell sites apart. */
const SITE_GROUPS = 4

/**
 * An IP address in its one form: IPv6 shortened, without a zone; IPv4 in dotted decimals even where a
 * socket of both families writes it as `::ffff:…`. Any other text comes back as it is.
 */
export function plainAddress(address: string): string {
  const [bare = ''] = address.split('%')
  if (isIP(bare) !== 6) return bare
  // The URL parser writes every IPv6 address in one short form, without dotted decimals.
  const short = new URL(`http://[${bare}]`).hostname.slice(1, -1)
  const match = MAPPED_V4.exec(short)
  if (!match) return short
  return match
    .slice(1)
    .map((group) => Number.parseInt(group, 16))
    .map((bits) => `${bits >> 8}.${bits & 0xff}`)
    .join('.')
}

/**
 * What counts as one address where addresses are counted: an IPv4 address, or the /64 of an IPv6
 * address, because whoever has one address of it has them all.
 *
 * @param address - as {@link plainAddress} gives it
 */
export function addressGroup(address: string): string {
  if (isIP(address) !== 6) return address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const after = tail === '' ? [] : tail.split(':')
    while (groups.length + after.length < GROUPS) groups.push('0')
    groups.push(...after)
  }
  return `${groups.slice(0, SITE_GROUPS).join(':')}::/64`
}
