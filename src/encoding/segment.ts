import type { DefaultAlphabet } from './data-coding.ts'
import { septetTable, writeSeptets } from './gsm7.ts'
import { packSeptets } from './gsm7-packing.ts'
import {
  type Encoding,
  fillSegments,
  type Layout,
  type LongMessages,
  layOut,
  type PlanOptions,
  shiftHeaderOctets,
} from './layout.ts'
import { writeUcs2 } from './ucs2.ts'
import { buildUdh, concatElement, shiftElements } from './udh.ts'

export type { Encoding, LongMessages, PlanOptions } from './layout.ts'

/** One segment before it is encoded. */
export interface PlannedSegment {
  readonly text: string
  /** Septets, UTF-16 code units or octets, after the plan's `encoding`; the header not counted. */
  readonly units: number
}

/** How a text will be sent, and what it costs in segments. Plain data: it may be stored as JSON. */
export interface TextPlan {
  readonly text: string
  readonly encoding: Encoding
  readonly dataCoding: 0 | 3 | 8
  /** The octets on the wire: `encoding`, or what the carrier's default alphabet puts in its place. */
  readonly charset: DefaultAlphabet | 'ucs2'
  readonly longMessages: LongMessages
  /** National language identifiers; 0 for the default table. */
  readonly lockingShift: number
  readonly singleShift: number
  /** What is billed; the length of `segments`. */
  readonly segmentCount: number
  readonly segments: readonly PlannedSegment[]
  /** Octets of user data header that we put in front of every segment, its length octet included. */
  readonly udhOctets: number
}

/** One optional parameter, ready for the PDU. */
export interface SegmentTlv {
  readonly tag: number
  readonly value: Buffer
}

/** The fields of the submit_sm or deliver_sm that carries one segment. */
export interface SegmentOctets {
  /** 0x40 when `shortMessage` (or the payload) begins with a user data header. */
  readonly esmClass: 0 | 0x40
  readonly dataCoding: number
  readonly shortMessage: Buffer
  readonly tlvs: readonly SegmentTlv[]
}

const UDH_INDICATOR = 0x40
const SAR_MSG_REF_NUM = 0x020c
const SAR_TOTAL_SEGMENTS = 0x020e
const SAR_SEGMENT_SEQNUM = 0x020f
const MESSAGE_PAYLOAD = 0x0424
const NO_TLVS: readonly SegmentTlv[] = []
const NO_OCTETS = Buffer.alloc(0)

/**
 * Chooses the encoding of a text and splits it.
 *
 * Segments are filled greedily; none ends inside an escape pair or a surrogate pair. The empty text
 * is one empty segment.
 *
 * @throws {EncodingError} `text_not_encodable` when a forced encoding lacks a character,
 *   `text_too_long` with `segmentsNeeded`, `options_invalid`
 * @see 3GPP TS 23.040, section 9.2.3.24
 */
export function planText(text: string, options: PlanOptions = {}): TextPlan {
  const layout = layOut(text, options)
  const cuts: number[] = []
  const segmentCount = fillSegments(text, layout, cuts)
  const { encoding, dataCoding, charset, longMessages, lockingShift, singleShift } = layout
  return {
    text,
    encoding,
    dataCoding,
    charset,
    longMessages,
    lockingShift,
    singleShift,
    segmentCount,
    segments: segmentCount === 1 ? [{ text, units: layout.units }] : cutText(text, cuts),
    udhOctets: headerOctets(layout, segmentCount),
  }
}

/**
 * How many segments {@link planText} would make of the text, without making them.
 *
 * @throws {EncodingError} what {@link planText} throws
 */
export function countSegments(text: string, options: PlanOptions = {}): number {
  return fillSegments(text, layOut(text, options))
}

/**
 * Encodes the segments of a plan, first to last.
 *
 * A text of one segment is one plain `short_message`, whatever the method for long ones. Of several,
 * `payload` makes a single PDU with `message_payload`; the other methods make one PDU each.
 *
 * @param reference - ties the segments together: 0 to 65535, its low octet for `udh8`; see
 *   `ReferenceCounter`
 */
export function encodeSegments(plan: TextPlan, reference: number): SegmentOctets[] {
  const { dataCoding, longMessages, segments } = plan
  const shifts = shiftElements(plan.lockingShift, plan.singleShift)
  const shiftHeader = shifts.length === 0 ? NO_OCTETS : buildUdh(shifts)
  const total = plan.segmentCount
  const first = segments[0]
  if (total === 1 && first !== undefined) {
    return [plainSegment(plan, encodeBody(plan, first, shiftHeader), NO_TLVS)]
  }
  if (longMessages === 'payload') {
    const units = segments.reduce((sum, segment) => sum + segment.units, 0)
    const value = encodeBody(plan, { text: plan.text, units }, shiftHeader)
    return [plainSegment(plan, NO_OCTETS, [{ tag: MESSAGE_PAYLOAD, value }])]
  }
  if (longMessages === 'sar') {
    return segments.map((segment, index) =>
      plainSegment(plan, encodeBody(plan, segment, shiftHeader), [
        { tag: SAR_MSG_REF_NUM, value: Buffer.from([reference >> 8, reference]) },
        { tag: SAR_TOTAL_SEGMENTS, value: Buffer.from([total]) },
        { tag: SAR_SEGMENT_SEQNUM, value: Buffer.from([index + 1]) },
      ]),
    )
  }
  const concat = concatElement({ method: longMessages, reference, total, sequence: 1 })
  const header = buildUdh([concat, ...shifts])
  // The sequence number ends the first element, which stands behind UDHL, its id and its length.
  const sequenceOffset = 2 + concat.data.length
  return segments.map((segment, index) => {
    header[sequenceOffset] = index + 1
    const shortMessage = encodeBody(plan, segment, header)
    return { esmClass: UDH_INDICATOR, dataCoding, shortMessage, tlvs: NO_TLVS }
  })
}

function plainSegment(
  plan: TextPlan,
  shortMessage: Buffer,
  tlvs: readonly SegmentTlv[],
): SegmentOctets {
  const esmClass = plan.udhOctets > 0 ? UDH_INDICATOR : 0
  return { esmClass, dataCoding: plan.dataCoding, shortMessage, tlvs }
}

/** The header and the segment behind it, in a buffer of its own. */
function encodeBody(plan: TextPlan, { text, units }: PlannedSegment, header: Buffer): Buffer {
  const start = header.length
  const { charset } = plan
  if (charset === 'gsm7-packed') {
    const septets = Buffer.allocUnsafe(units)
    writeSeptets(text, septetTable(plan), septets, 0)
    return Buffer.concat([header, packSeptets(septets, { udhOctets: start, spare: 'cr' })])
  }
  const bodyOctets = charset === 'gsm7' ? units : charset === 'ucs2' ? 2 * text.length : text.length
  const octets = Buffer.allocUnsafe(start + bodyOctets)
  if (start > 0) octets.set(header)
  if (charset === 'gsm7') writeSeptets(text, septetTable(plan), octets, start)
  else if (charset === 'ucs2') writeUcs2(text, octets, start)
  else octets.write(text, start, 'latin1')
  return octets
}

function cutText(text: string, cuts: readonly number[]): PlannedSegment[] {
  const segments: PlannedSegment[] = []
  let start = 0
  for (let index = 0; index < cuts.length; index += 2) {
    const end = cuts[index] ?? start
    segments.push({ text: text.slice(start, end), units: cuts[index + 1] ?? 0 })
    start = end
  }
  return segments
}

function headerOctets({ longMessages, lockingShift, singleShift }: Layout, count: number): number {
  const shiftOctets = shiftHeaderOctets(lockingShift, singleShift)
  if (count === 1 || longMessages === 'sar' || longMessages === 'payload') return shiftOctets
  return (shiftOctets || 1) + (longMessages === 'udh8' ? 5 : 6)
}
