import { createPrivateKey, X509Certificate } from 'node:crypto'
import { z } from 'zod'
import { isNetwork } from '../core/networks.ts'
import {
  flag,
  integer,
  list,
  mapping,
  optionalText,
  requiredText,
  setting,
  text,
} from '../settings/field.ts'
import { FILE, FILE_ALLOWED, HOST, HOST_ALLOWED } from '../settings/forms.ts'
import type { Mistake } from './mistake.ts'
import { readPem } from './pem.ts'

/** Where partners bind, and how many may come. */
export interface SmppConfig {
  readonly host: string
  /** Of the plain listener; undefined: there is none. */
  readonly port: number | undefined
  /** A PROXY header stands in front of every plain connection. */
  readonly proxyProtocol: boolean
  /** Addresses and networks of the proxies, for both listeners. */
  readonly trustedProxies: readonly string[]
  /** Undefined: there is no TLS listener. */
  readonly tls: SmppTlsConfig | undefined
  readonly sessionInitSeconds: number
  readonly maxConnections: number
  readonly maxUnbound: number
  readonly maxUnboundPerAddress: number
}

/** The TLS listener. Certificates and key are PEM texts, already read from their files. */
export interface SmppTlsConfig {
  readonly port: number
  readonly cert: string
  readonly key: string
  /** Who issues the certificates of partners; undefined: only fingerprints tell them. */
  readonly ca: string | undefined
  readonly proxyProtocol: boolean
}

const PORT_ALLOWED = 'a whole number from 0 to 65535, or `off`'
const NETWORK_ALLOWED = 'an IP address or a network such as 203.0.113.0/24 or 2001:db8::/32'

/** A list of IP addresses and networks. */
export function networkList(about: string) {
  const network = z.string({ error: NETWORK_ALLOWED }).refine(isNetwork, { error: NETWORK_ALLOWED })
  return setting(list(network, 'a list of IP addresses and networks').default([]), {
    about,
    allowed: 'a list of IP addresses and networks (CIDR)',
    defaultText: '[]',
  })
}

const tls = mapping({
  port: integer(0, 65535, 3550, {
    about: 'Port of the TLS listener, beside the plain one; 0 takes any free one.',
  }),
  cert: requiredText(FILE, FILE_ALLOWED, {
    about: 'Our certificate, with the certificates between it and its root.',
  }),
  key: requiredText(FILE, FILE_ALLOWED, {
    about: 'Private key of our certificate.',
    isSecret: true,
  }),
  ca: optionalText(FILE, FILE_ALLOWED, {
    about: "Certificate authorities of partners' certificates, where common names count.",
  }),
  proxy_protocol: flag(false, { about: 'As `smpp.proxy_protocol`; the header stands before TLS.' }),
})

/** The `smpp` section of the file. */
export const smppSchema = setting(
  mapping({
    host: text(HOST, HOST_ALLOWED, '0.0.0.0', {
      about: 'Address the SMPP server for partners listens on.',
    }),
    port: setting(
      z.preprocess(
        (value) => (value === 'off' ? false : value),
        z
          .union(
            [
              z
                .int({ error: PORT_ALLOWED })
                .min(0, { error: PORT_ALLOWED })
                .max(65535, { error: PORT_ALLOWED }),
              z.literal(false),
            ],
            { error: PORT_ALLOWED },
          )
          .default(2775),
      ),
      {
        about:
          'Port the SMPP server for partners listens on without TLS; 0 takes any free one, `off` takes none.',
        allowed: PORT_ALLOWED,
        defaultText: '2775',
        variable: 'LINEHAUL_SMPP_PORT',
      },
    ),
    proxy_protocol: flag(false, {
      about:
        'Every connection begins with a PROXY header (version 1 or 2) of a trusted proxy; the address in it is the one that counts.',
    }),
    trusted_proxies: networkList('Where connections with a PROXY header may come from.'),
    tls: setting(tls.optional(), {
      about: 'A listener with TLS (1.2 and above) beside the plain one.',
      allowed: 'a mapping',
      defaultText: 'none',
    }),
    session_init_seconds: integer(1, 300, 10, {
      about: 'Time from the connection to the bind; for a PROXY header and for TLS as much again.',
      unit: 'seconds',
    }),
    max_connections: integer(1, 100_000, 10_000, {
      about: 'Connections of all listeners; more are closed at once.',
    }),
    max_unbound: integer(1, 100_000, 1_000, {
      about: 'Of these, connections that are not bound yet.',
    }),
    max_unbound_per_address: integer(1, 100_000, 50, {
      about: 'Of these, connections of one IPv4 address or one IPv6 /64.',
    }),
  }).prefault({}),
  { about: 'Where partners bind.', allowed: 'a mapping', defaultText: '{}' },
)

type FileSmpp = ReturnType<(typeof smppSchema)['parse']>

/** The `smpp` section of a file without mistakes of form; certificates that cannot be used are told. */
export function toSmpp(file: FileSmpp, folder: string, mistakes: Mistake[]): SmppConfig {
  const isProxied = file.proxy_protocol || file.tls?.proxy_protocol === true
  if (isProxied && file.trusted_proxies.length === 0) {
    const message = 'is empty; with proxy_protocol the addresses of the proxies must stand here'
    mistakes.push({ path: 'smpp.trusted_proxies', message })
  }
  if (file.tls && file.tls.port !== 0 && file.tls.port === file.port) {
    const message = `${file.port} is also smpp.port; they must differ`
    mistakes.push({ path: 'smpp.tls.port', message })
  }
  return {
    host: file.host,
    port: file.port === false ? undefined : file.port,
    proxyProtocol: file.proxy_protocol,
    trustedProxies: file.trusted_proxies,
    tls: file.tls && readTls(file.tls, folder, mistakes),
    sessionInitSeconds: file.session_init_seconds,
    maxConnections: file.max_connections,
    maxUnbound: file.max_unbound,
    maxUnboundPerAddress: file.max_unbound_per_address,
  }
}

function readTls(
  file: NonNullable<FileSmpp['tls']>,
  folder: string,
  mistakes: Mistake[],
): SmppTlsConfig | undefined {
  const [cert, key, ca] = (['cert', 'key', 'ca'] as const).map((name) =>
    readPem(file[name], `smpp.tls.${name}`, folder, mistakes),
  )
  const certificate = cert === undefined ? undefined : readCertificate(cert, 'cert', mistakes)
  if (ca !== undefined) readCertificate(ca, 'ca', mistakes)
  if (cert === undefined || key === undefined) return undefined
  const problem = keyProblem(key, certificate)
  if (problem) mistakes.push({ path: 'smpp.tls.key', message: problem })
  return { port: file.port, cert, key, ca, proxyProtocol: file.proxy_protocol }
}

function readCertificate(
  pem: string,
  name: 'cert' | 'ca',
  mistakes: Mistake[],
): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    const message = 'does not begin with a certificate; allowed: certificates in PEM'
    mistakes.push({ path: `smpp.tls.${name}`, message })
    return undefined
  }
}

/** Without the reason that the library gives, which may quote the key. */
function keyProblem(pem: string, certificate: X509Certificate | undefined): string | undefined {
  try {
    const key = createPrivateKey(pem)
    const fits = certificate?.checkPrivateKey(key) ?? true
    return fits ? undefined : 'is not the key of the certificate in smpp.tls.cert'
  } catch {
    return 'is no private key; allowed: a private key in PEM without a passphrase'
  }
}
