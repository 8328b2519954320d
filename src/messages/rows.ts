import { eq, inArray, or, type SQL } from 'drizzle-orm'
import type { Channel } from '../core/channel.ts'
import type { Fallback } from '../core/fallback.ts'
import { NO_TAGS } from '../core/message-tags.ts'
import type { ContentTemplate, MailContent } from '../core/message-template.ts'
import type { TrafficClass } from '../core/policy.ts'
import type { Cipher } from '../store/cipher.ts'
import { messages } from '../store/schema/messages.ts'
import type { Message, RequestedEncoding } from './message.ts'
import { readPassThrough } from './pass-through.ts'
import { inMessage, isUnreadable, openOctets } from './sealing.ts'
import type { MessageStatus } from './states.ts'

/** A row of `messages` as drizzle reads it. */
export type MessageRow = typeof messages.$inferSelect

/** A row of `messages` as raw SQL gives it: instants and large numbers depend on the driver. */
export type RawMessageRow = {
  readonly [Column in keyof MessageRow]: Date extends MessageRow[Column]
    ? MessageRow[Column] | string
    : bigint extends MessageRow[Column]
      ? MessageRow[Column] | string | number
      : Buffer extends MessageRow[Column]
        ? MessageRow[Column] | Uint8Array
        : MessageRow[Column]
}

/** The message that a row holds, as the gateway works on it. Throws as {@link Cipher.open}. */
export function messageFromRaw(row: RawMessageRow, cipher: Cipher): Message {
  return readMessage(row, cipher, (read) => read())
}

/** What is left of a message whose row cannot be decrypted: what cannot be opened is empty. */
export function remainsFromRaw(row: RawMessageRow, cipher: Cipher): Message {
  return readMessage(row, cipher, unlessUnreadable)
}

/** Reads a sealed value, or says what stands for it. */
type ReadSealed = <Value, None>(read: () => Value, none: None) => Value | None

function unlessUnreadable<Value, None>(read: () => Value, none: None): Value | None {
  try {
    return read()
  } catch (error) {
    if (isUnreadable(error)) return none
    throw error
  }
}

function readMessage(row: RawMessageRow, cipher: Cipher, sealed: ReadSealed): Message {
  const { id, tenant_id } = row
  const text = (column: Parameters<typeof inMessage>[0], stored: string) =>
    cipher.open(stored, inMessage(column, tenant_id, id))
  const json = <Value>(column: 'template' | 'mail' | 'fallback', stored: string | null) =>
    stored === null ? null : sealed(() => JSON.parse(text(column, stored)) as Value, null)
  const { octets, pass_through } = row
  return {
    id,
    tenantId: tenant_id,
    source: row.source as Message['source'],
    partner: row.partner,
    partnerMessageId: row.partner_message_id,
    channel: row.channel as Channel,
    to: sealed(() => text('to_number', row.to_number), ''),
    from: row.from_sender,
    text: sealed(() => text('body', row.body), ''),
    template: json<ContentTemplate>('template', row.template),
    mail: json<MailContent>('mail', row.mail),
    raw:
      octets &&
      sealed(
        () => ({
          octets: openOctets(cipher, octets, inMessage('octets', tenant_id, id)),
          esmClass: row.esm_class,
          dataCoding: row.data_coding ?? 0,
        }),
        null,
      ),
    passThrough:
      pass_through === null
        ? null
        : sealed(() => readPassThrough(text('pass_through', pass_through)), null),
    registeredDelivery: row.registered_delivery,
    encoding: row.encoding,
    requestedEncoding: row.requested_encoding as RequestedEncoding,
    segments: row.segments,
    maxSegments: row.max_segments,
    trafficClass: row.traffic_class as TrafficClass,
    tags: row.tags ?? NO_TAGS,
    expectsReply: row.expects_reply,
    clientReference: row.client_reference,
    callbackUrl: row.callback_url,
    country: row.country,
    priceMicros: BigInt(row.price_micros),
    priceCurrency: row.price_currency,
    costMicros: BigInt(row.cost_micros),
    costCurrency: row.cost_currency,
    carrierDeckVersion: row.carrier_deck_version,
    tenantDeckVersion: row.tenant_deck_version,
    createdAt: new Date(row.created_at),
    sendAt: instant(row.send_at),
    expiresAt: new Date(row.expires_at),
    replayOf: row.replay_of,
    status: row.status as MessageStatus,
    carrier: row.carrier ?? '',
    attempt: row.attempt,
    failures: row.failures,
    errorCode: row.error_code,
    errorDetail: row.error_detail,
    updatedAt: new Date(row.updated_at),
    finalAt: instant(row.final_at),
    dueAt: instant(row.due_at),
    deadlineAt: instant(row.deadline_at),
    deadLetter: row.dead_letter,
    replayedAs: row.replayed_as,
    heldBy: row.held_by,
    network: row.network,
    charging: row.charging,
    fallback: json<Fallback>('fallback', row.fallback),
    fallbackAt: instant(row.fallback_at),
    fallbackAs: row.fallback_as,
    fallbackOf: row.fallback_of,
  }
}

/**
 * A row with its number, text and {@link MailContent} opened, for a reader; what cannot be opened is empty: one damaged
 * row must not hide all others of a list.
 */
export function openRow(row: MessageRow, cipher: Cipher): MessageRow {
  const { id, tenant_id } = row
  const open = <Stored extends string | null>(
    column: 'to_number' | 'body' | 'mail',
    none: Stored,
  ) => {
    const stored = row[column]
    if (stored === null) return none
    return unlessUnreadable(() => cipher.open(stored, inMessage(column, tenant_id, id)), none)
  }
  return {
    ...row,
    to_number: open('to_number', ''),
    body: open('body', ''),
    mail: open('mail', null),
  }
}

/** The condition of rows with a number, in whatever form they hold it. */
export function isTo(number: string, cipher: Cipher): SQL | undefined {
  const inTheClear = eq(messages.to_number, number)
  const sealed = cipher.fingerprints(number).filter((form) => form !== number)
  if (sealed.length === 0) return inTheClear
  return or(inTheClear, inArray(messages.to_fingerprint, sealed))
}

function instant(value: Date | string | null): Date | null {
  return value === null ? null : new Date(value)
}
