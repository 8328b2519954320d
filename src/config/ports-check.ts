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
  /** What it is of whom, where the path does not say it. */
  readonly carrier: { readonly name: string; readonly key: string } | undefined
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
    const here = carrier === undefined ? port : `${port} of the carrier "${carrier.name}"`
    const there =
      other.carrier === undefined
        ? other.path
        : `the ${other.carrier.key} of the carrier "${other.carrier.name}"`
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
    ...carriers.flatMap(({ path, value: { name, bounces, outbind_host, outbind_port } }) => {
      const place = (key: string, at: Readonly<Record<string, unknown>>) => ({
        path: pathText([...path, ...key.split('.')]),
        carrier: { name: String(name), key },
        host: at.host ?? EVERYWHERE,
        port: at.port,
      })
      return [
        place('outbind_port', { host: outbind_host, port: outbind_port }),
        place('bounces.port', { ...(bounces as object | undefined) }),
      ]
    }),
  ]
}

function isSameAddress(one: unknown, other: unknown): boolean {
  return one === other || EVERY_ADDRESS.includes(one) || EVERY_ADDRESS.includes(other)
}
