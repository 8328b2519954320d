import type { InboundPart } from '../../src/carriers/carrier.ts'

/** A message of one part from a handset to a short code. */
export function inboundPart(text: string, more: Partial<InboundPart> = {}): InboundPart {
  return {
    carrier: 'alpha',
    from: '+447700900123',
    to: '60123',
    serviceType: '',
    protocolId: 0,
    priorityFlag: 0,
    esmClass: 0,
    dataCoding: 0,
    octets: Buffer.from(text, 'latin1'),
    tlvs: [],
    ...more,
  }
}

/** One part of a long message, with an 8-bit reference. */
export function longPart(
  reference: number,
  total: number,
  sequence: number,
  text: string,
  more: Partial<InboundPart> = {},
): InboundPart {
  const header = Buffer.from([5, 0, 3, reference, total, sequence])
  const octets = Buffer.concat([header, Buffer.from(text, 'latin1')])
  return inboundPart('', { esmClass: 0x40, octets, ...more })
}
