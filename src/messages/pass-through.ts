import type { PassThrough, SegmentPlace } from '../core/pass-through.ts'

/** The form of the journal and of the column: an array, because most values are empty. */
export type StoredPassThrough = readonly [
  serviceType: string,
  protocolId: number,
  priorityFlag: number,
  esmClass: number,
  dataCoding: number | null,
  concat: readonly [reference: number, total: number, sequence: number] | null,
  tlvs: readonly (readonly [tag: number, base64: string])[],
]

/** What a partner's submit says, as it is stored. */
export function storedPassThrough(passThrough: PassThrough): StoredPassThrough {
  const { serviceType, protocolId, priorityFlag, esmClass, dataCoding, concat, tlvs } = passThrough
  return [
    serviceType,
    protocolId,
    priorityFlag,
    esmClass,
    dataCoding,
    concat && [concat.reference, concat.total, concat.sequence],
    tlvs.map(({ tag, value }) => [tag, value.toString('base64')]),
  ]
}

/** The reverse of {@link storedPassThrough}. */
export function passThroughOf(stored: StoredPassThrough): PassThrough {
  const [serviceType, protocolId, priorityFlag, esmClass, dataCoding, concat, tlvs] = stored
  return {
    serviceType,
    protocolId,
    priorityFlag,
    esmClass,
    dataCoding,
    concat: concat && placeOf(concat),
    tlvs: tlvs.map(([tag, base64]) => ({ tag, value: Buffer.from(base64, 'base64') })),
  }
}

function placeOf([reference, total, sequence]: readonly [number, number, number]): SegmentPlace {
  return { reference, total, sequence }
}

/** As {@link storedPassThrough}, as the text of its column. */
export function writePassThrough(passThrough: PassThrough): string {
  return JSON.stringify(storedPassThrough(passThrough))
}

/**
 * The reverse of {@link writePassThrough}.
 *
 * @throws {SyntaxError} when the text is no JSON
 */
export function readPassThrough(text: string): PassThrough {
  return passThroughOf(JSON.parse(text) as StoredPassThrough)
}
