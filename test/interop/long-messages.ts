import smpp from 'smpp'
import type { PeerRequest } from './peer-process.ts'

/** The ways in which SMPP carries a text that is longer than one segment. */
export const WAYS = ['udh8', 'udh16', 'sar', 'payload'] as const

export type Way = (typeof WAYS)[number]

/** Three segments of GSM 7-bit, with characters that take two septets. */
export const LONG_TEXT = 'Grüße & {50 €} für Åsa: 0123456789. '.repeat(9)

/** A text in the octets of its alphabet. */
export interface Encoded {
  readonly dataCoding: 0 | 8
  readonly octets: Buffer
}

/** Encodes with the tables of the package `smpp`. */
export function gsm7(text: string): Encoded {
  return { dataCoding: 0, octets: smpp.encodings.ASCII.encode(text) }
}

/** Encodes as UTF-16, which is what is meant by UCS-2. */
export function ucs2(text: string): Encoded {
  return { dataCoding: 8, octets: smpp.encodings.UCS2.encode(text) }
}

/** Octets of the text in each part; 3GPP TS 23.040 section 9.2.3.24.1 for those with a header. */
const PART_OCTETS: Readonly<Record<Way, Readonly<Record<Encoded['dataCoding'], number>>>> = {
  udh8: { 0: 153, 8: 134 },
  udh16: { 0: 152, 8: 132 },
  sar: { 0: 153, 8: 134 },
  payload: { 0: 65_535, 8: 65_535 },
}

/** A text whose emoji lies across the end of the first part of every way that has parts. */
export function textWithCutEmoji(way: Way): string {
  const units = way === 'udh16' ? 66 : 67
  return `${'й'.repeat(units - 1)}😀${'ж'.repeat(40)}`
}

/**
 * The requests that carry a text in this way: `short_message`, `esm_class`, `data_coding` and
 * optional parameters. It cuts at octets, as careless software does.
 */
export function longMessage(
  command: 'submit_sm' | 'deliver_sm',
  way: Way,
  { dataCoding, octets }: Encoded,
  reference: number,
): PeerRequest[] {
  const size = PART_OCTETS[way][dataCoding]
  const total = Math.ceil(octets.length / size)
  return Array.from({ length: total }, (_, index) => {
    const part = octets.subarray(index * size, (index + 1) * size)
    const number = index + 1
    const header = headerOf(way, reference, total, number)
    const isPayload = way === 'payload'
    return {
      command,
      fields: {
        esm_class: header.length > 0 ? 0x40 : 0,
        data_coding: dataCoding,
        short_message: isPayload ? '' : Buffer.concat([header, part]).toString('hex'),
      },
      tlvs: {
        ...(isPayload && { message_payload: part.toString('hex') }),
        ...(way === 'sar' && {
          sar_msg_ref_num: hex(reference, 2),
          sar_total_segments: hex(total, 1),
          sar_segment_seqnum: hex(number, 1),
        }),
      },
    }
  })
}

function headerOf(way: Way, reference: number, total: number, number: number): Buffer {
  if (way === 'udh8') return Buffer.from([5, 0, 3, reference & 0xff, total, number])
  if (way !== 'udh16') return Buffer.alloc(0)
  return Buffer.from([6, 8, 4, reference >> 8, reference & 0xff, total, number])
}

function hex(value: number, octets: number): string {
  return value.toString(16).padStart(octets * 2, '0')
}
