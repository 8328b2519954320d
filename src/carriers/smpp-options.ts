import type { ConnectionOptions } from 'node:tls'
import { isDeepStrictEqual } from 'node:util'
import type { SmppCarrierConfig, TlsConfig } from '../config/smpp-carriers.ts'
import type { BindFields } from '../smpp/bind.ts'
import type { HostAddress } from '../smpp/client.ts'

/** Carriers lock accounts that come back too soon after a refusal. */
const FIRST_REFUSED_MS = 30_000

const INTERFACE_VERSIONS = { '3.3': 0x33, '3.4': 0x34, '5.0': 0x50 } as const

/** What a carrier's settings say of its connections, in the terms of the SMPP core. */
export function clientOptions(config: SmppCarrierConfig) {
  const [first, ...fallbacks] = config.hosts
  if (!first) throw new RangeError(`the carrier ${config.name} has no host`)
  return {
    ...first,
    fallbacks,
    ...(config.tls ? { tls: tlsOptions(config.tls) } : {}),
    ...bindFields(config),
    ...sessionLimits(config),
    backoff: {
      firstMs: config.reconnectSeconds.min * 1_000,
      firstRefusedMs: Math.min(FIRST_REFUSED_MS, config.reconnectSeconds.max * 1_000),
      maxMs: config.reconnectSeconds.max * 1_000,
    },
  }
}

/** What we say of ourselves in a bind. */
export function bindFields(config: SmppCarrierConfig): BindFields {
  return {
    system_id: config.systemId,
    password: config.password,
    system_type: config.systemType,
    interface_version: INTERFACE_VERSIONS[config.interfaceVersion],
  }
}

/** The figures of every session with the carrier. */
export function sessionLimits(config: SmppCarrierConfig) {
  return {
    windowSize: config.window,
    // The dispatcher journals at most two windows ahead; nothing else queues there.
    queueLimit: 100_000,
    requestTimeoutMs: config.responseTimeoutSeconds * 1_000,
    enquireLinkMs: config.enquireLinkSeconds * 1_000,
  }
}

/** An address as people write it. */
export function addressText({ host, port }: HostAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Whether binds by one configuration serve for the other as well; certificates and keys aside. */
export function isSameBind(one: SmppCarrierConfig, other: SmppCarrierConfig): boolean {
  return isDeepStrictEqual(bindSettings(one), bindSettings(other))
}

/** Whether two configurations mean accounts that cannot know of each other's binds. */
export function isOtherAccount(one: SmppCarrierConfig, other: SmppCarrierConfig): boolean {
  if (one.systemId !== other.systemId) return true
  const hosts = new Set(one.hosts.map(addressText))
  return !other.hosts.some((address) => hosts.has(addressText(address)))
}

function bindSettings(config: SmppCarrierConfig) {
  const { bind, tls } = config
  const { tls: _, ...options } = clientOptions(config)
  const verified = tls && { name: tls.serverName, rejects: tls.rejectUnauthorized }
  return { ...options, bind, verified }
}

/** How a carrier is spoken to over TLS. */
export function tlsOptions(config: TlsConfig): ConnectionOptions {
  const { ca, cert, key, serverName, rejectUnauthorized } = config
  return {
    rejectUnauthorized,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  }
}
