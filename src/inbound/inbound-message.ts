import type { InboundPart } from '../carriers/carrier.ts'
import { newId } from '../core/id.ts'
import { decodeReassembled, readUserData } from '../encoding/reassembly.ts'
import type { InboundRoutes } from './inbound-routes.ts'
import type { JoinedParts } from './joining.ts'

/** A message of a handset (MO), whole or given up. */
export interface InboundMessage {
  /** UUIDv7. */
  readonly id: string
  /** Whose number it was sent to; null: no route says. */
  readonly tenantId: string | null
  /** The partner that gets it over SMPP. */
  readonly partner: string | null
  readonly carrier: string
  readonly from: string
  readonly to: string
  /** Empty for binary octets; U+FFFD stands for what is missing. */
  readonly text: string
  /** The alphabet that it came in, or `binary`. */
  readonly encoding: string
  /** The keyword of the route that it took. */
  readonly keyword: string | null
  /** What came, in the order of the text. */
  readonly pdus: readonly InboundPart[]
  readonly totalParts: number
  readonly receivedAt: Date
}

/** Reads a message from its parts and finds whose it is; undefined for none at all. */
export function inboundMessageOf(
  { parts, total }: JoinedParts,
  routes: InboundRoutes,
): InboundMessage | undefined {
  const [first] = parts
  if (!first) return undefined
  const { carrier, from, to, dataCoding } = first.part
  const { charset, text = '' } = decodeReassembled(
    {
      total,
      parts: parts.map(({ part, sequence }) => {
        const { octets, udh } = readUserData(part.esmClass, part.octets, part.tlvs)
        return { key: '', total, sequence, octets, udh, source: undefined }
      }),
    },
    dataCoding,
  )
  const route = routes.find({ carrier, to, text })
  return {
    id: newId(),
    tenantId: route?.tenantId ?? null,
    partner: route?.partner ?? null,
    carrier,
    from,
    to,
    // PostgreSQL stores no U+0000 in a text; the octets are kept as they came.
    text: text.replaceAll('\0', '\ufffd'),
    encoding: charset,
    keyword: route?.keyword ?? null,
    pdus: parts.map(({ part }) => part),
    totalParts: total,
    receivedAt: parts.reduce((latest, { at }) => (at > latest ? at : latest), first.at),
  }
}
