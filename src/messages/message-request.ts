import type { Content } from '../carriers/carrier.ts'
import {
  type AddressResult,
  type Channel,
  type OtherChannel,
  RECIPIENTS,
  readChannelSender,
  readRecipient,
} from '../core/channel.ts'
import { GatewayError } from '../core/errors.ts'
import type { Fallback } from '../core/fallback.ts'
import type { ContentTemplate, MailContent } from '../core/message-template.ts'
import type { PassThrough } from '../core/pass-through.ts'
import type { TrafficClass } from '../core/policy.ts'
import { Destinations, isShortCode } from '../routing/destination.ts'
import { type PhoneNumber, parseNumber } from '../routing/number.ts'
import { parseSender, type Sender, senderText } from '../routing/sender.ts'
import type { RawContent, RequestedEncoding } from './message.ts'

/** Longest text of any channel; what a handset takes is far less. */
const MAX_TEXT = 100_000

/** A message as a front door hands it in, its fields not yet judged. */
export interface MessageRequest {
  readonly source: 'rest' | 'smpp'
  readonly partner: string | null
  /** Name of the API key that it came by; absent or null: by none. */
  readonly keyName?: string | null
  /** Absent: `sms`. */
  readonly channel?: Channel
  /** The id that the partner will know it by; absent or null: the message's own. */
  readonly partnerMessageId?: string | null
  readonly to: string
  readonly from: string
  readonly text: string
  /** What the text was made from; absent or null: it was written as it is. */
  readonly template?: ContentTemplate | null
  /** What an e-mail says beside its text; absent or null: it is none. */
  readonly mail?: MailContent | null
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
  /** What is sent where it does not arrive; absent or null: nothing. */
  readonly fallback?: Fallback | null
  /** The message in whose place it is sent; absent or null: none. */
  readonly fallbackOf?: string | null
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
 * Reads who a message goes to that is no SMS.
 *
 * @throws {GatewayError} `to_invalid`
 */
export function readOtherRecipient(channel: OtherChannel, to: string): string {
  const read = readRecipient(channel, to)
  if (read.ok) return read.address
  throw addressFault('to', to, RECIPIENTS[channel], read)
}

/**
 * Reads who such a message is from.
 *
 * @throws {GatewayError} `from_invalid`
 */
export function readOtherSender(channel: OtherChannel, from: string): string {
  const read = readChannelSender(channel, from)
  if (read.ok) return read.address
  throw addressFault('from', from, 'a sender', read)
}

/**
 * Judges what is to be sent where a message does not arrive, as far as that can be done before.
 *
 * @throws {GatewayError} what {@link readNumber}, {@link readSender} and {@link readContent} throw; its pointer names the
 *   channel
 */
export function checkFallback(request: MessageRequest, destinations: Destinations): void {
  for (const step of request.fallback?.steps ?? []) {
    const { channel, to, from } = step
    try {
      if (channel === 'sms') {
        readNumber(to, destinations)
        readSender(from)
      } else {
        readOtherRecipient(channel, to)
        readOtherSender(channel, from)
      }
      readContent({ ...request, ...step, raw: null })
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      const { code, message, pointer } = error
      const isAddress = pointer === '/to' || pointer === '/from'
      throw new GatewayError(code, `${channel}: ${message}`, {
        pointer: isAddress ? `${pointer}/${channel}` : (pointer ?? '/channels'),
        cause: error,
      })
    }
  }
}

/** The messages that follow where a message is lost, by each of its other channels, as if they were asked for now. */
export function fallbackRequests(request: MessageRequest): MessageRequest[] {
  const steps = request.fallback?.steps ?? []
  return steps.map((step) => ({ ...request, ...step, raw: null, sendAt: null, fallback: null }))
}

function addressFault(
  field: 'to' | 'from',
  value: string,
  wanted: string,
  { reason }: Extract<AddressResult, { ok: false }>,
): GatewayError {
  const message = `${JSON.stringify(value)} is not ${wanted}: ${reason}`
  return new GatewayError(`${field}_invalid`, message, { pointer: `/${field}` })
}

/**
 * Reads what a message says, and judges what holds for any carrier.
 *
 * @throws {GatewayError} `text_empty`, `text_invalid`, `text_too_long`
 */
export function readContent(request: MessageRequest): Content {
  const content = {
    text: request.text,
    template: request.template,
    mail: request.mail,
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
  if (text.length > MAX_TEXT) {
    const message = `the text has ${text.length} characters, and ${MAX_TEXT} are the most`
    throw new GatewayError('text_too_long', message, { pointer: '/text' })
  }
  const nul = text.indexOf('\0')
  if (nul >= 0) {
    throw new GatewayError('text_invalid', `the text has the character U+0000 at index ${nul}`, {
      pointer: '/text',
    })
  }
  return content
}
