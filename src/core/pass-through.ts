/**
 * What a partner's submit_sm says beside addresses, text and times, for the carrier to be told the
 * same.
 *
 * @see SMPP v3.4, sections 4.4 (submit_sm) and 5.3 (optional parameters)
 */
export interface PassThrough {
  /** At most 5 characters. */
  readonly serviceType: string
  readonly protocolId: number
  /** 0 to 3. */
  readonly priorityFlag: number
  /** Mode, type and reply path; the UDH indicator belongs to the content. */
  readonly esmClass: number
  /** For a text with a message class, such as flash; null: the one of its encoding. */
  readonly dataCoding: number | null
  /** Which segment of a long message it is; null: it is whole. */
  readonly concat: SegmentPlace | null
  /** As they came, repetitions included. */
  readonly tlvs: readonly { readonly tag: number; readonly value: Buffer }[]
}

/** The place of a segment in the long message that a partner has split itself. */
export interface SegmentPlace {
  /** 0 to 65,535. */
  readonly reference: number
  readonly total: number
  /** 1 to {@link total}. */
  readonly sequence: number
}

/** Optional parameters that one message may take along, and the octets of their values. */
export const MAX_PASSED_TLVS = 64
export const MAX_PASSED_OCTETS = 4_096

/** The carrier is told what any message is told. */
export const PLAIN: PassThrough = {
  serviceType: '',
  protocolId: 0,
  priorityFlag: 0,
  esmClass: 0,
  dataCoding: null,
  concat: null,
  tlvs: [],
}

/**
 * Names the long message that a segment belongs to; undefined for one that is whole. All segments
 * take the same way, one after the other.
 */
export function siblingKey(
  { partner, passThrough }: { partner: string | null; passThrough: PassThrough | null },
  from: string,
  to: string,
): string | undefined {
  const concat = passThrough?.concat
  if (!concat) return undefined
  return [partner, from, to, concat.reference, concat.total].join('\0')
}
