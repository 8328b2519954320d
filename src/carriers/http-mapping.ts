import type { HttpCarrierConfig } from '../config/http-carriers.ts'
import type { FailureCode } from '../core/failure-code.ts'
import { ownEntry } from '../providers/own-entry.ts'
import type {
  ProviderAccount,
  ProviderInbound,
  ProviderMessage,
  ProviderReceipt,
  SendResult,
} from '../providers/provider.ts'
import type { ProviderErrorInfo, RawError } from '../providers/provider-error.ts'
import type {
  CarrierReceipt,
  InboundPart,
  OutboundMessage,
  QueryOutcome,
  SegmentOutcome,
} from './carrier.ts'
import { templateFor, textOf } from './http-layout.ts'
import type { OpenedAccount } from './provider-account.ts'

const UCS2 = 0x08
const MAX_ID_CHARACTERS = 256

/** A message in the provider's terms. */
export function providerMessage(
  opened: OpenedAccount,
  config: HttpCarrierConfig,
  message: OutboundMessage,
): ProviderMessage {
  const text = textOf(message)
  const found = templateFor(opened, config, message, text)
  return {
    id: message.id,
    to: message.to,
    from: message.from,
    text,
    template: found && { id: found.id, variables: found.variables },
    sign: found?.sign ?? config.signs[message.from] ?? config.sign,
    expiresAt: message.expiresAt,
    submitKey: message.submit.key,
    isRepetition: message.submit.isRepetition,
  }
}

/** What a provider's word on a message means for its one segment. */
export function sendOutcome(account: ProviderAccount, result: SendResult): SegmentOutcome {
  if (result.kind === 'refused') return refusalOutcome(account.classify(result), result)
  const { providerId, matchKey } = result
  return { kind: 'accepted', carrierMessageId: providerId.slice(0, MAX_ID_CHARACTERS), matchKey }
}

/** What a refusal means for a segment. */
export function refusalOutcome(
  { type, retryable, tryAnother, failure }: ProviderErrorInfo,
  error: RawError,
): SegmentOutcome {
  const rawCode = rawCodeOf(error)
  const reason = reasonOf(error)
  // The account is too fast; a limit of one number, or of a day, is no matter of the pace.
  if (retryable && OF_THE_PACE.has(failure)) return { kind: 'throttled', rawCode }
  if (type === 'timeout') return { kind: 'uncertain', reason }
  const isPassing = retryable || type === 'auth' || type === 'balance' || type === 'provider'
  const errorClass = isPassing ? 'passing' : tryAnother ? 'message' : 'final'
  return { kind: 'refused', code: failure, rawCode, reason, class: errorClass }
}

const OF_THE_PACE: ReadonlySet<FailureCode> = new Set(['carrier_throttled', 'carrier_queue_full'])

/** A provider's code as it came, or the status where there is none. */
export function rawCodeOf({ code, httpStatus }: RawError): string | null {
  return code !== '' ? code : httpStatus === null ? null : `HTTP ${httpStatus}`
}

/** An error in words, for timelines. */
export function reasonOf(error: RawError): string {
  return [rawCodeOf(error), error.text].filter((part) => part !== null && part !== '').join(': ')
}

const STATES: Readonly<
  Record<ProviderReceipt['status'], Pick<CarrierReceipt, 'state' | 'settles'>>
> = {
  delivered: { state: 'DELIVERED', settles: 'delivered' },
  failed: { state: 'UNDELIVERABLE', settles: 'undelivered' },
  pending: { state: 'ENROUTE', settles: null },
}

/** Words of networks that every provider passes on, with what they mean. */
const WORDS: Readonly<
  Record<string, Pick<CarrierReceipt, 'state' | 'settles'> & { readonly failure?: FailureCode }>
> = {
  EXPIRED: { state: 'EXPIRED', settles: 'expired', failure: 'expired' },
  REJECTD: { state: 'REJECTED', settles: 'undelivered', failure: 'rejected' },
  DELETED: { state: 'DELETED', settles: 'undelivered', failure: 'deleted' },
  UNKNOWN: { state: 'UNKNOWN', settles: 'undelivered', failure: 'unknown' },
  UNDELIV: { state: 'UNDELIVERABLE', settles: 'undelivered', failure: 'undeliverable' },
}

/** What a provider says of a message that it has taken. */
export function stateOf({ status, code, failure }: ProviderReceipt) {
  const word = status === 'failed' ? ownEntry(WORDS, code) : undefined
  const { state, settles } = word ?? STATES[status]
  const rawError = status === 'delivered' || code === '' ? null : code
  return { state, settles, rawError, failure: failure ?? word?.failure ?? null }
}

/** A provider's receipt in the gateway's terms. */
export function receiptOf(carrier: string, receipt: ProviderReceipt): CarrierReceipt {
  const {
    providerId,
    matchKey,
    repetitionKey,
    to,
    status,
    code,
    text,
    part = 1,
    parts = 1,
  } = receipt
  return {
    carrier,
    carrierMessageId: providerId,
    matchKeys: repetitionKey === undefined ? [matchKey] : [matchKey, repetitionKey],
    ...stateOf(receipt),
    rawText: [status, code, text].filter((part) => part !== '').join(' '),
    // Whose it is where the answer to the send was lost, and the id with it.
    about: { recipient: to ?? '', sender: '', submittedAt: null, reference: null },
    ...(parts > 1 ? { part: { number: part, of: parts } } : {}),
  }
}

/** What a provider's answer to a question means. */
export function queryOutcomeOf(receipt: ProviderReceipt | null): QueryOutcome {
  if (receipt === null) return { kind: 'no_answer', reason: 'it does not know the message yet' }
  return { kind: 'state', ...stateOf(receipt) }
}

/** A message of a handset as if it had come in one deliver_sm. */
export function inboundPartOf(carrier: string, { from, to, text }: ProviderInbound): InboundPart {
  return {
    carrier,
    from,
    to,
    serviceType: '',
    protocolId: 0,
    priorityFlag: 0,
    esmClass: 0,
    dataCoding: UCS2,
    octets: Buffer.from(text, 'utf16le').swap16(),
    tlvs: [],
  }
}
