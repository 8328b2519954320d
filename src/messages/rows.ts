import type { messages } from '../store/schema/messages.ts'
import type { Message, RequestedEncoding, TrafficClass } from './message.ts'
import type { MessageStatus } from './states.ts'

/** A row of `messages` as drizzle reads it. */
export type MessageRow = typeof messages.$inferSelect

/** The message that a row holds, as the gateway works on it. */
export function messageFromRow(row: MessageRow): Message {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    source: row.source as Message['source'],
    partner: row.partner,
    to: row.to_number,
    from: row.from_sender,
    text: row.body,
    raw: row.octets && {
      octets: Buffer.from(row.octets),
      esmClass: row.esm_class,
      dataCoding: row.data_coding ?? 0,
    },
    registeredDelivery: row.registered_delivery,
    encoding: row.encoding,
    requestedEncoding: row.requested_encoding as RequestedEncoding,
    segments: row.segments,
    maxSegments: row.max_segments,
    trafficClass: row.traffic_class as TrafficClass,
    clientReference: row.client_reference,
    country: row.country,
    priceMicros: row.price_micros,
    priceCurrency: row.price_currency,
    createdAt: row.created_at,
    status: row.status as MessageStatus,
    carrier: row.carrier ?? '',
    attempt: row.attempt,
  }
}
