import { type Channel, readRecipient } from '../../core/channel.ts'
import { GatewayError } from '../../core/errors.ts'
import type { MailContent } from '../../core/message-template.ts'
import { formatMicros } from '../../core/money.ts'
import type { Submit } from '../../messages/archive.ts'
import type { Message } from '../../messages/message.ts'
import type { Quote } from '../../messages/quotes.ts'
import type { MessageRow } from '../../messages/rows.ts'
import { isFinal, type MessageStatus } from '../../messages/states.ts'
import type { TimelineLine } from '../../messages/timeline.ts'
import { besideDecision, decisionOf, isDecisionRecord } from '../../routing/decision-record.ts'
import { explainDecision, reasonsForSender } from '../../routing/explain.ts'
import { parseNumber } from '../../routing/number.ts'

/** A message as the answer to its acceptance shows it. */
export function acceptedBody(message: Message) {
  return {
    id: message.id,
    status: 'accepted' as const,
    channel: message.channel,
    to: message.to,
    from: message.from,
    segments: message.segments,
    encoding: message.encoding,
    price: priceBody(message.priceMicros, message.priceCurrency),
    client_reference: message.clientReference,
    created_at: message.createdAt.toISOString(),
  }
}

/** The answer to `dry_run`. */
export function quotedBody(quote: Quote) {
  return {
    dry_run: true as const,
    channel: quote.channel,
    to: quote.to,
    from: quote.from,
    segments: quote.segments,
    encoding: quote.encoding,
    price: priceBody(quote.price.micros, quote.price.currency),
    carrier: quote.best.carrier,
    network: quote.network?.mccmnc ?? null,
    sender_warning: quote.senderWarning,
  }
}

/** A stored message. */
export function messageBody(row: MessageRow) {
  const status = row.status as MessageStatus
  return {
    id: row.id,
    status,
    is_final: isFinal(status),
    error: row.error_code === null ? null : { code: row.error_code, detail: row.error_detail },
    channel: row.channel as Channel,
    to: row.to_number,
    from: row.from_sender,
    subject: row.mail === null ? null : (JSON.parse(row.mail) as MailContent).subject,
    text: row.body,
    text_erased_at: row.body_erased_at?.toISOString() ?? null,
    encoding: row.encoding,
    segments: row.segments,
    price: priceBody(row.price_micros, row.price_currency),
    traffic_class: row.traffic_class as Message['trafficClass'],
    tags: row.tags ?? [],
    expects_reply: row.expects_reply,
    client_reference: row.client_reference,
    callback_url: row.callback_url,
    send_at: row.send_at?.toISOString() ?? null,
    expires_at: row.expires_at.toISOString(),
    country: row.country,
    network: row.network,
    carrier: row.carrier,
    attempts: row.attempt,
    dead_letter: row.dead_letter,
    replayed_as: row.replayed_as,
    replay_of: row.replay_of,
    fallback_as: row.fallback_as,
    fallback_of: row.fallback_of,
    held_by: row.held_by,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
    final_at: row.final_at?.toISOString() ?? null,
  }
}

/** What whoever runs the gateway sees of a message beside: whose it is, and what its carrier charges. */
export function operatorBody(row: MessageRow, tenantName: (id: string) => string) {
  return {
    ...messageBody(row),
    tenant: tenantName(row.tenant_id),
    cost: priceBody(row.cost_micros, row.cost_currency),
    carrier_deck_version: row.carrier_deck_version,
    tenant_deck_version: row.tenant_deck_version,
  }
}

/** A submit of a segment, with what it costs if the carrier takes it. */
export function submitBody(submit: Submit) {
  return {
    attempt: submit.attempt,
    segment: submit.segment,
    carrier: submit.carrier,
    state: submit.state,
    carrier_message_id: submit.carrierMessageId,
    cost: priceBody(submit.costMicros, submit.costCurrency),
    carrier_deck_version: submit.carrierDeckVersion,
  }
}

/**
 * The timeline of a message. What carriers charge, and what is known of them, is between them and the
 * operator: a tenant sees where its message goes, and the reason in words without figures.
 */
export function timelineBodies(timeline: readonly TimelineLine[], isOperator: boolean) {
  return timeline.map((event) => timelineBody(event, isOperator))
}

function timelineBody(event: TimelineLine, isOperator: boolean) {
  const detail = event.detail as object | null
  return {
    at: event.at.toISOString(),
    type: event.type,
    status: event.status as MessageStatus,
    carrier: event.carrier,
    attempt: event.attempt,
    segment: event.segment,
    code: event.code,
    raw_code: event.raw_code,
    detail:
      event.type === 'routed'
        ? decisionBody(detail, isOperator)
        : (detail as Record<string, unknown> | null),
  }
}

/** A decision is kept as figures and shown in words, with what stands beside it. */
function decisionBody(detail: object | null, isOperator: boolean): Record<string, unknown> | null {
  if (!isDecisionRecord(detail)) {
    // As an older version has kept it: with what carriers charge.
    return isOperator ? (detail as Record<string, unknown> | null) : null
  }
  const decision = decisionOf(detail)
  const { money, ...beside } = besideDecision(detail)
  if (!isOperator) return { ...beside, route: decision.route, reasons: reasonsForSender(decision) }
  return { ...beside, ...(money ? { money } : {}), ...explainDecision(decision) }
}

function priceBody(micros: bigint, currency: string) {
  return { amount: formatMicros(micros), currency }
}

/** Numbers are stored in E.164, addresses in one form; a filter may spell them as a person would. */
export function normalRecipient(text: string, channel: Channel | undefined): string {
  const others = channel === undefined && text.includes('@') ? 'email' : channel
  if (others !== undefined && others !== 'sms') {
    const read = readRecipient(others, text)
    return read.ok ? read.address : text
  }
  return normalNumber(text)
}

/** A number in E.164 where the text is one. */
export function normalNumber(text: string): string {
  const parsed = parseNumber(text)
  return parsed.ok ? parsed.number.e164 : text
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** True for what may be an id of ours. */
export function isId(text: string): boolean {
  return UUID.test(text)
}

/** The instant that a field of a request names. */
export function instant(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text)
}

/** What a page of a list names the next one by. */
export function cursorFromId(id: string): string {
  return Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url')
}

/**
 * The id that a cursor was made of.
 *
 * @throws {GatewayError} `cursor_invalid`
 */
export function idFromCursor(cursor: string): string {
  const hex = Buffer.from(cursor, 'base64url').toString('hex')
  if (hex.length !== 32) {
    throw new GatewayError('cursor_invalid', `"${cursor}" is not a next_cursor of this API`, {
      pointer: '/cursor',
    })
  }
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
