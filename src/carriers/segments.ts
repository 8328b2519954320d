import type { SmppCarrierConfig } from '../config/smpp-carriers.ts'
import type { SegmentPlace } from '../core/pass-through.ts'
import { recode } from '../encoding/recode.ts'
import { encodeSegments, planText, type SegmentTlv, type TextPlan } from '../encoding/segment.ts'
import { replaceTypography } from '../encoding/typography.ts'
import { buildUdh, concatElement } from '../encoding/udh.ts'
import { intTlv } from '../smpp/tlv.ts'
import type { Content, Replacement } from './carrier.ts'

/** A text laid out for one carrier. */
export interface PlannedText {
  readonly plan: TextPlan
  readonly replacements: readonly Replacement[]
}

/** What one submit_sm carries. */
export interface SegmentFields {
  /** All of the field, the UDH indicator included. */
  readonly esmClass: number
  readonly dataCoding: number
  readonly shortMessage: Buffer
  readonly tlvs: readonly SegmentTlv[]
}

const UDH_INDICATOR = 0x40

/**
 * Lays a text out as the carrier takes it, its alphabet, its way with long texts; undefined for
 * octets that pass through.
 *
 * @throws {EncodingError} when the text is too long or has characters the encoding lacks
 */
export function planFor(config: SmppCarrierConfig, content: Content): PlannedText | undefined {
  if (content.raw && !isTranscoded(config, content)) return undefined
  const { text, replacements } = config.transliterate
    ? replaceTypography(content.text)
    : { text: content.text, replacements: [] }
  const plan = planText(text, {
    encoding: content.requestedEncoding,
    longMessages: config.longMessages,
    defaultAlphabet: alphabetFor(config, content),
    maxSegments: content.maxSegments ?? undefined,
  })
  return { plan, replacements }
}

/** Names all that {@link planFor} goes by. */
export function layoutKeyOf(config: SmppCarrierConfig): string {
  const { transliterate, transcode, longMessages, defaultAlphabet } = config
  return [defaultAlphabet, longMessages, transliterate, transcode].join(' ')
}

/** Only data_coding 0 has the carrier's alphabet: septets of a message class are septets. */
function alphabetFor({ defaultAlphabet }: SmppCarrierConfig, { passThrough }: Content) {
  const dataCoding = passThrough?.dataCoding ?? 0
  if (dataCoding === 0 || defaultAlphabet === 'gsm7-packed') return defaultAlphabet
  return 'gsm7'
}

/** Octets whose text is known go as a text to a carrier that takes no other alphabet than its own. */
function isTranscoded(config: SmppCarrierConfig, { text }: Content): boolean {
  return config.transcode && text !== ''
}

/**
 * The segments of a content, one element for each PDU.
 *
 * @param planned - what {@link planFor} gave
 * @param reference - for segments that we make, see `encodeSegments`
 */
export function segmentsOf(
  config: SmppCarrierConfig,
  content: Content,
  planned: PlannedText | undefined,
  reference: number,
): readonly SegmentFields[] {
  const { raw, passThrough } = content
  const esmClass = passThrough?.esmClass ?? 0
  if (planned) {
    const segments = encodeSegments(planned.plan, reference)
    if (!passThrough) return segments
    return segments.map((segment) => ({
      ...segment,
      esmClass: segment.esmClass | esmClass,
      dataCoding: passThrough.dataCoding ?? segment.dataCoding,
    }))
  }
  if (!raw) return []
  const hasHeader = (raw.esmClass & UDH_INDICATOR) !== 0
  const marked =
    passThrough?.concat && !hasHeader
      ? withPlace(config, raw.octets, passThrough.concat)
      : { esmClass: raw.esmClass & UDH_INDICATOR, octets: raw.octets, tlvs: [] }
  const { dataCoding } = raw
  return [
    {
      esmClass: marked.esmClass | esmClass,
      dataCoding,
      // What passes through with data_coding 0 is septets: elsewhere 0 means something else.
      shortMessage: recode({ ...marked, dataCoding }, 'gsm7', config.defaultAlphabet),
      tlvs: marked.tlvs,
    },
  ]
}

interface MarkedOctets {
  /** The UDH indicator, or 0. */
  readonly esmClass: number
  readonly octets: Buffer
  readonly tlvs: readonly SegmentTlv[]
}

/** A segment that came without a header says its place in the carrier's way. */
function withPlace(config: SmppCarrierConfig, octets: Buffer, place: SegmentPlace): MarkedOctets {
  const { reference, total, sequence } = place
  if (config.longMessages === 'sar') {
    const tlvs = [
      intTlv('sar_msg_ref_num', reference),
      intTlv('sar_total_segments', total),
      intTlv('sar_segment_seqnum', sequence),
    ]
    return { esmClass: 0, octets, tlvs }
  }
  // A payload is a whole message, and this is a part of one.
  const method = config.longMessages === 'udh8' ? 'udh8' : 'udh16'
  const header = buildUdh([concatElement({ ...place, method })])
  return { esmClass: UDH_INDICATOR, octets: Buffer.concat([header, octets]), tlvs: [] }
}
