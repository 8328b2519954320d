import smpp from 'smpp'

/** The fields of a submit_sm that carry the message, read from its octets without our codec. */
export interface SubmitOctets {
  readonly from: string
  readonly to: string
  readonly esmClass: number
  readonly validityPeriod: string
  readonly registeredDelivery: number
  readonly dataCoding: number
  readonly shortMessage: Buffer
  readonly tlvs: ReadonlyMap<number, Buffer>
}

/** One segment: its place in the whole, and its octets without the header. */
interface Part {
  readonly reference: number
  readonly total: number
  readonly number: number
  readonly headerOctets: number
  readonly octets: Buffer
  readonly dataCoding: number
}

type Alphabet = 'gsm7' | 'gsm7-packed' | 'latin1' | 'ascii'

const UDH_INDICATOR = 0x40
const SAR_REFERENCE = 0x020c
const SAR_TOTAL = 0x020e
const SAR_NUMBER = 0x020f
const MESSAGE_PAYLOAD = 0x0424

/** Reads a submit_sm or a deliver_sm, which has the same layout: SMPP v3.4 sections 4.4.1 and 4.6.1. */
export function readSubmit(pdu: Buffer): SubmitOctets {
  let at = 16
  const octet = () => pdu.readUInt8(at++)
  const text = () => {
    const end = pdu.indexOf(0, at)
    const value = pdu.toString('latin1', at, end)
    at = end + 1
    return value
  }
  text() // service_type
  at += 2 // source_addr_ton, source_addr_npi
  const from = text()
  at += 2 // dest_addr_ton, dest_addr_npi
  const to = text()
  const esmClass = octet()
  at += 2 // protocol_id, priority_flag
  text() // schedule_delivery_time
  const validityPeriod = text()
  const registeredDelivery = octet()
  at += 1 // replace_if_present_flag
  const dataCoding = octet()
  at += 1 // sm_default_msg_id
  const length = octet()
  const shortMessage = pdu.subarray(at, at + length)
  at += length
  const tlvs = new Map<number, Buffer>()
  while (at < pdu.length) {
    const valueAt = at + 4
    const end = valueAt + pdu.readUInt16BE(at + 2)
    tlvs.set(pdu.readUInt16BE(at), pdu.subarray(valueAt, end))
    at = end
  }
  return {
    from,
    to,
    esmClass,
    validityPeriod,
    registeredDelivery,
    dataCoding,
    shortMessage,
    tlvs,
  }
}

/**
 * The text that a handset would show for the segments of one message, in whatever order they came:
 * joined by their headers and decoded with the package's tables.
 *
 * @param alphabet - what data_coding 0 means
 */
export function textOnAir(submits: readonly SubmitOctets[], alphabet: Alphabet): string {
  return orderedParts(submits)
    .map((part) => wholeCharacters(decode(part, alphabet)))
    .join('')
}

/**
 * The same for segments whose sender has cut inside a character: a handset that joins the octets
 * before it decodes them shows this.
 */
export function textOfJoined(submits: readonly SubmitOctets[], alphabet: Alphabet): string {
  const [first, ...others] = orderedParts(submits)
  if (!first) return ''
  const octets = Buffer.concat([first, ...others].map((part) => part.octets))
  return wholeCharacters(decode({ ...first, octets }, alphabet))
}

/** All segments of one message, in their order. */
function orderedParts(submits: readonly SubmitOctets[]): Part[] {
  const parts = submits.map(readPart).sort((one, other) => one.number - other.number)
  const [first] = parts
  if (!first) throw new Error('there is no segment')
  parts.forEach((part, index) => {
    const isNext = part.number === index + 1 && part.total === parts.length
    if (!isNext || part.reference !== first.reference || part.dataCoding !== first.dataCoding) {
      throw new Error(`segment ${index + 1} of ${parts.length} is ${JSON.stringify(part)}`)
    }
  })
  return parts
}

function readPart(submit: SubmitOctets): Part {
  const { tlvs, shortMessage, dataCoding } = submit
  const payload = tlvs.get(MESSAGE_PAYLOAD)
  const body = payload ?? shortMessage
  const alone = { reference: 0, total: 1, number: 1, headerOctets: 0, octets: body, dataCoding }
  const sar = tlvs.get(SAR_REFERENCE)
  if (sar) {
    const total = tlvs.get(SAR_TOTAL)?.readUInt8() ?? 0
    const number = tlvs.get(SAR_NUMBER)?.readUInt8() ?? 0
    return { ...alone, reference: sar.readUInt16BE(), total, number }
  }
  if ((submit.esmClass & UDH_INDICATOR) === 0) return alone
  const headerOctets = 1 + body.readUInt8(0)
  const octets = body.subarray(headerOctets)
  const element = body.readUInt8(1)
  if (element === 0x00) {
    const [reference = 0, total = 0, number = 0] = body.subarray(3, 6)
    return { ...alone, headerOctets, octets, reference, total, number }
  }
  if (element === 0x08) {
    const [total = 0, number = 0] = body.subarray(5, 7)
    return { ...alone, headerOctets, octets, reference: body.readUInt16BE(3), total, number }
  }
  throw new Error(`the header begins with information element ${element}`)
}

function decode(part: Part, alphabet: Alphabet): string {
  const { octets, dataCoding, headerOctets } = part
  const { ASCII: gsm7, LATIN1: latin1, UCS2: ucs2 } = smpp.encodings
  if (dataCoding === 8) return ucs2.decode(octets)
  if (dataCoding === 3) return latin1.decode(octets)
  if (dataCoding !== 0) throw new Error(`data_coding is ${dataCoding}`)
  if (alphabet === 'gsm7') return gsm7.decode(octets)
  if (alphabet === 'gsm7-packed') return gsm7.decode(unpack(octets, headerOctets))
  return latin1.decode(octets)
}

/** Septets from packed octets; behind a header the text begins at a septet border. */
function unpack(octets: Buffer, headerOctets: number): Buffer {
  const fillBits = (7 - ((headerOctets * 8) % 7)) % 7
  const bits = [...octets].flatMap((octet) => [0, 1, 2, 3, 4, 5, 6, 7].map((n) => (octet >> n) & 1))
  const septets: number[] = []
  for (let at = fillBits; at + 7 <= bits.length; at += 7) {
    septets.push(bits.slice(at, at + 7).reduce((value, bit, n) => value | (bit << n), 0))
  }
  // Seven spare bits hold a carriage return or nothing, 3GPP TS 23.038 section 6.1.2.3.1.
  const hasSpare = (bits.length - fillBits) % 7 === 0
  if (hasSpare && (septets.at(-1) === 0x0d || septets.at(-1) === 0)) septets.pop()
  return Buffer.from(septets)
}

/** Fails on half a surrogate pair: a handset that shows segments on their own would show rubbish. */
function wholeCharacters(text: string): string {
  encodeURIComponent(text)
  return text
}
