import type { LookupAddress } from 'node:dns'
import { lookup as resolveHost } from 'node:dns/promises'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { GatewayError } from '../core/errors.ts'

/** Octets of the longest URL taken. */
const MAX_URL_LENGTH = 2_048

/** IPv4 networks that are nobody's public address: IANA special-purpose registry, RFC 6890. */
const REFUSED_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  // Multicast, reserved and broadcast.
  '224.0.0.0/3',
]

/** All that IPv6 has given out as public addresses. */
const GLOBAL_UNICAST_V6 = ['2000::/3']

/** Inside them: IETF protocols with Teredo, documentation, 6to4 (an IPv4 address in disguise). */
const REFUSED_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']

const refusedV4 = networks(REFUSED_V4, 'ipv4')
const refusedV6 = networks(REFUSED_V6, 'ipv6')
const globalV6 = networks(GLOBAL_UNICAST_V6, 'ipv6')

/** Where a webhook goes: an origin, and the path with the query. */
export interface WebhookTarget {
  readonly origin: string
  readonly path: string
}

/** How {@link AddressGuard} is built. */
export interface AddressGuardOptions {
  /** True where endpoints in the operator's own network are wanted. */
  readonly allowPrivateAddresses: boolean
  /** Every address of a host; the system's resolver by default. */
  readonly resolve?: (hostname: string) => Promise<LookupAddress[]>
}

/**
 * Keeps webhooks out of the operator's own network.
 *
 * A URL is looked at when it is given, and the address that its name has is looked at again whenever
 * a connection is opened: a name may point elsewhere by then.
 */
export class AddressGuard {
  #allowsPrivate: boolean
  readonly #resolve: (hostname: string) => Promise<LookupAddress[]>
  /**
   * One question at a time for a name: the system's resolver has four threads for the whole process,
   * and a name server that does not answer must not take them all.
   */
  readonly #asking = new Map<string, Promise<LookupAddress[]>>()

  constructor(options: AddressGuardOptions) {
    this.#allowsPrivate = options.allowPrivateAddresses
    this.#resolve = options.resolve ?? ((hostname) => resolveHost(hostname, { all: true }))
  }

  /** Allows private addresses from now on, or refuses them. */
  follow({ allowPrivateAddresses }: Pick<AddressGuardOptions, 'allowPrivateAddresses'>): void {
    this.#allowsPrivate = allowPrivateAddresses
  }

  /**
   * Reads the URL of an endpoint or callback.
   *
   * @param pointer - where it stands in the caller's input
   * @throws {GatewayError} `webhook_url_invalid`, `webhook_address_refused`
   */
  target(url: string, pointer = '/url'): WebhookTarget {
    const parsed = url.length <= MAX_URL_LENGTH && URL.canParse(url) ? new URL(url) : undefined
    if (!parsed || (parsed.protocol !== 'https:' && parsed.protocol !== 'http:')) {
      throw new GatewayError(
        'webhook_url_invalid',
        `give an absolute http or https URL of at most ${MAX_URL_LENGTH} characters`,
        { pointer },
      )
    }
    if (parsed.username !== '' || parsed.password !== '') {
      throw new GatewayError(
        'webhook_url_invalid',
        'the URL carries credentials: check the signature instead, or put a token into the path',
        { pointer },
      )
    }
    if (!this.#allowsPrivate && isPrivateHost(parsed.hostname)) {
      throw new GatewayError(
        'webhook_address_refused',
        `${parsed.hostname} is not a public address`,
        { pointer },
      )
    }
    return { origin: parsed.origin, path: parsed.pathname + parsed.search }
  }

  /** Resolves a name for a new connection, and gives only addresses that may be connected to. */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    this.#addresses(hostname).then(
      (addresses) => {
        const [first] = addresses
        if (!first) {
          const error = new GatewayError(
            'webhook_address_refused',
            `${hostname} has no public address`,
          )
          callback(error, [])
        } else if (options.all) callback(null, addresses)
        else callback(null, first.address, first.family)
      },
      (error: NodeJS.ErrnoException) => callback(error, []),
    )
  }

  async #addresses(hostname: string): Promise<LookupAddress[]> {
    let asking = this.#asking.get(hostname)
    if (!asking) {
      asking = this.#resolve(hostname).finally(() => this.#asking.delete(hostname))
      this.#asking.set(hostname, asking)
    }
    const addresses = await asking
    return this.#allowsPrivate
      ? addresses
      : addresses.filter(({ address }) => isPublicAddress(address))
  }
}

/** True for an IPv4 or IPv6 address that anybody on the Internet may have; false for any other text. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 4) return !refusedV4.check(address, 'ipv4')
  if (family !== 6) return false
  // A zone belongs to link-local addresses only.
  if (address.includes('%')) return false
  const inner = embeddedV4(address)
  if (inner !== undefined) return !refusedV4.check(inner, 'ipv4')
  return globalV6.check(address, 'ipv6') && !refusedV6.check(address, 'ipv6')
}

/** `new URL` has made dotted decimals of every other spelling of an IPv4 address before. */
function isPrivateHost(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, '')
  if (isIP(bare) !== 0) return !isPublicAddress(bare)
  return /(^|\.)localhost\.?$/i.test(hostname)
}

/** `::ffff:` is mapped IPv4, `64:ff9b::` NAT64 (RFC 6052), by which IPv6-only networks reach IPv4. */
const EMBEDDED_V4 = /^(?:::ffff:|64:ff9b::)(?:([0-9a-f]{1,4}):)?([0-9a-f]{1,4})?$/

/** The IPv4 address inside a mapped or NAT64 one. */
function embeddedV4(address: string): string | undefined {
  // The URL parser writes every IPv6 address in one short form, without dotted decimals.
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const match = EMBEDDED_V4.exec(short)
  if (!match) return undefined
  return match
    .slice(1)
    .map((group = '0') => Number.parseInt(group, 16))
    .map((bits) => `${bits >> 8}.${bits & 0xff}`)
    .join('.')
}

function networks(list: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const blocks = new BlockList()
  for (const network of list) {
    const [address = '', bits] = network.split('/')
    blocks.addSubnet(address, Number(bits), family)
  }
  return blocks
}
