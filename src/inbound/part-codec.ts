import type { InboundPart } from '../carriers/carrier.ts'

type Fields = readonly [
  carrier: string,
  from: string,
  to: string,
  serviceType: string,
  protocolId: number,
  priorityFlag: number,
  esmClass: number,
  dataCoding: number,
  octets: string,
  tlvs: readonly (readonly [tag: number, base64: string])[],
]

/** Parts as the text of a column: JSON without names, octets in base64. */
export function writeParts(parts: readonly InboundPart[]): string {
  return JSON.stringify(parts.map(fieldsOf))
}

/**
 * The reverse of {@link writeParts}.
 *
 * @throws {SyntaxError} when the text is no JSON
 */
export function readParts(text: string): InboundPart[] {
  return (JSON.parse(text) as Fields[]).map(partOf)
}

function fieldsOf(part: InboundPart): Fields {
  const { carrier, from, to, serviceType, protocolId, priorityFlag, esmClass, dataCoding } = part
  return [
    carrier,
    from,
    to,
    serviceType,
    protocolId,
    priorityFlag,
    esmClass,
    dataCoding,
    part.octets.toString('base64'),
    part.tlvs.map(({ tag, value }) => [tag, value.toString('base64')]),
  ]
}

function partOf(fields: Fields): InboundPart {
  const [carrier, from, to, serviceType, protocolId, priorityFlag, ...rest] = fields
  const [esmClass, dataCoding, octets, tlvs] = rest
  return {
    carrier,
    from,
    to,
    serviceType,
    protocolId,
    priorityFlag,
    esmClass,
    dataCoding,
    octets: Buffer.from(octets, 'base64'),
    tlvs: tlvs.map(([tag, base64]) => ({ tag, value: Buffer.from(base64, 'base64') })),
  }
}
