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
  return {
    id: row.id,
    tenantId: row.tenant_id,
    source: row.source as Message['source'],
    partner: row.partner,
    partnerMessageId: row.partner_message_id,
    channel: row.channel as Channel,
    to: cipher.open(row.to_number, inMessage('to_number', row.tenant_id, row.id)),
    from: row.from_sender,
    text: cipher.open(row.body, inMessage('body', row.tenant_id, row.id)),
    template:
      row.template === null
        ? null
        : (JSON.parse(
            cipher.open(row.template, inMessage('template', row.tenant_id, row.id)),
          ) as ContentTemplate),
    mail:
      row.mail === null
        ? null
        : (JSON.parse(
            cipher.open(row.mail, inMessage('mail', row.tenant_id, row.id)),
          ) as MailContent),
    raw: row.octets && {
      octets: openOctets(cipher, row.octets, inMessage('octets', row.tenant_id, row.id)),
      esmClass: row.esm_class,
      dataCoding: row.data_coding ?? 0,
    },
    passThrough:
      row.pass_through === null
        ? null
        : readPassThrough(
            cipher.open(row.pass_through, inMessage('pass_through', row.tenant_id, row.id)),
          ),
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
    fallback:
      row.fallback === null
        ? null
        : (JSON.parse(
            cipher.open(row.fallback, inMessage('fallback', row.tenant_id, row.id)),
          ) as Fallback),
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
    try {
      return cipher.open(stored, inMessage(column, tenant_id, id))
    } catch (error) {
      if (isUnreadable(error)) return none
      throw error
    }
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
