import type { Content } from '../carriers/carrier.ts'
import { GatewayError } from '../core/errors.ts'
import type { PassThrough } from '../core/pass-through.ts'
import type { TrafficClass } from '../core/policy.ts'
import { Destinations, isShortCode } from '../routing/destination.ts'
import { type PhoneNumber, parseNumber } from '../routing/number.ts'
import { parseSender, type Sender, senderText } from '../routing/sender.ts'
import type { RawContent, RequestedEncoding } from './message.ts'

/** A message as a front door hands it in, its fields not yet judged. */
export interface MessageRequest {
  readonly source: 'rest' | 'smpp'
  readonly partner: string | null
  /** Name of the API key that it came by; absent or null: by none. */
  readonly keyName?: string | null
  /** The id that the partner will know it by; absent or null: the message's own. */
  readonly partnerMessageId?: string | null
  readonly to: string
  readonly from: string
  readonly text: string
  readonly raw: RawContent | null
  readonly passThrough: PassThrough | null
  readonly registeredDelivery: number
  readonly encoding: RequestedEncoding
  readonly trafficClass: TrafficClass
  /** Well-formed, each once. */
  readonly tags: readonly string[]
  /** It may only go to carriers that bring replies. */
  readonly expectsReply: boolean
  readonly maxSegments: number | null
  readonly clientReference: string | null
  readonly callbackUrl: string | null
  /** Not before this instant; null: at once. */
  readonly sendAt: Date | null
  /** How long carriers may be tried, from `sendAt` on; null: as the policy of its class says. */
  readonly validitySeconds: number | null
}

/**
 * Reads who a message that was accepted before goes to, and gives it as messages have it. Whether a
 * short code is one that messages are taken for does not matter any more.
 *
 * @throws {GatewayError} `to_invalid`
 */
export function readDestination(to: string): string {
  const digits = to.trim()
  const parsed = parseNumber(to)
  if (!parsed.ok && isShortCode(digits)) return digits
  return readNumber(to, ANY_NUMBER).e164
}

/**
 * Reads who a message that was accepted before is from, and gives it as messages have it.
 *
 * @throws {GatewayError} `from_invalid`
 */
export function readOrigin(from: string): string {
  return senderText(readSender(from))
}

const ANY_NUMBER = new Destinations()

/**
 * Reads who a message goes to.
 *
 * @throws {GatewayError} `to_invalid`
 */
export function readNumber(to: string, destinations: Destinations): PhoneNumber {
  const parsed = destinations.read(to)
  if (parsed.ok) return parsed.number
  throw new GatewayError('to_invalid', `"${to}" is not a phone number: ${parsed.reason}`, {
    pointer: '/to',
  })
}

/**
 * Reads who a message is from.
 *
 * @throws {GatewayError} `from_invalid`
 */
export function readSender(from: string): Sender {
  const parsed = parseSender(from)
  if (parsed.ok) return parsed.sender
  throw new GatewayError('from_invalid', `"${from}" is not a sender id: ${parsed.reason}`, {
    pointer: '/from',
  })
}

/**
 * Reads what a message says, and judges what holds for any carrier.
 *
 * @throws {GatewayError} `text_empty`, `text_invalid`
 */
export function readContent(request: MessageRequest): Content {
  const content = {
    text: request.text,
    raw: request.raw,
    passThrough: request.passThrough,
    requestedEncoding: request.encoding,
    maxSegments: request.maxSegments,
  }
  if (request.raw) return content
  const { text } = request
  if (text === '') {
    throw new GatewayError('text_empty', 'the text is empty: write at least one character', {
      pointer: '/text',
    })
  }
  const nul = text.indexOf('\0')
  if (nul >= 0) {
    throw new GatewayError('text_invalid', `the text has the character U+0000 at index ${nul}`, {
      pointer: '/text',
    })
  }
  return content
}
