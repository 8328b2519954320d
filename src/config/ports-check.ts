import { type Mistake, pathText } from './mistake.ts'

/** Where the file says that something listens, as it was written. */
export interface ListeningSections {
  readonly http: Readonly<Record<string, unknown>>
  readonly smpp: Readonly<Record<string, unknown>>
  /** Undefined where there is no TLS listener. */
  readonly smppTls: Readonly<Record<string, unknown>> | undefined
  readonly carriers: readonly {
    readonly path: readonly PropertyKey[]
    readonly value: Readonly<Record<string, unknown>>
  }[]
}

interface Listening {
  readonly path: string
  /** Whose it is, where the path does not say it. */
  readonly carrier: string | undefined
  readonly host: unknown
  readonly port: unknown
}

const EVERYWHERE = '0.0.0.0'
const EVERY_ADDRESS: readonly unknown[] = [EVERYWHERE, '::']

/** Two that listen on one port of one address. */
export function sharedPorts(sections: ListeningSections): Mistake[] {
  const listening = listenersOf(sections)
  return listening.flatMap(({ path, carrier, host, port }, index) => {
    const other = listening
      .slice(0, index)
      .find((each) => each.port === port && isSameAddress(each.host, host))
    if (!other || typeof port !== 'number' || port === 0) return []
    const here = carrier === undefined ? port : `${port} of the carrier "${carrier}"`
    const there =
      other.carrier === undefined
        ? other.path
        : `the outbind_port of the carrier "${other.carrier}"`
    return [{ path, message: `${here} is also ${there}; they must differ` }]
  })
}

function listenersOf({ http, smpp, smppTls, carriers }: ListeningSections): Listening[] {
  const { host = EVERYWHERE } = smpp
  const carrier = undefined
  return [
    { path: 'http.port', carrier, host: http.host ?? EVERYWHERE, port: http.port ?? 8080 },
    { path: 'smpp.port', carrier, host, port: smpp.port ?? 2775 },
    { path: 'smpp.tls.port', carrier, host, port: smppTls && (smppTls.port ?? 3550) },
    ...carriers.map(({ path, value }) => ({
      path: pathText([...path, 'outbind_port']),
      carrier: String(value.name),
      host: value.outbind_host ?? EVERYWHERE,
      port: value.outbind_port,
    })),
  ]
}

function isSameAddress(one: unknown, other: unknown): boolean {
  return one === other || EVERY_ADDRESS.includes(one) || EVERY_ADDRESS.includes(other)
}
