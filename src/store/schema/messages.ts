import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  customType,
  index,
  integer,
  pgTable,
  smallint,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core'

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' })

/**
 * One row per accepted message: what was asked, where it stands, what it costs.
 *
 * `status` moves only along `messages/states.ts`; every update names the states it may leave.
 */
export const messages = pgTable(
  'messages',
  {
    /** UUIDv7: sorts by time of acceptance. */
    id: uuid().primaryKey(),
    tenant_id: uuid().notNull(),
    /** The front door it came through: `rest` or `smpp`. */
    source: text().notNull(),
    /** The partner account that submitted it over SMPP. */
    partner: text(),
    /** The id that the partner knows it by; null: its `id`. The messages of one submit_multi share it. */
    partner_message_id: text(),
    /** By which way it goes, see `core/channel.ts`. */
    channel: text().notNull().default('sms'),
    /** This, `body`, `template`, `mail`, `fallback`, `octets` and `pass_through` are sealed where encryption is on, see `messages/sealing.ts`. */
    to_number: text().notNull(),
    /** What a sealed number is found by; null where the number is in the clear. */
    to_fingerprint: text(),
    from_sender: text().notNull(),
    body: text().notNull(),
    /** The template that it was made from, as JSON `{ id, variables }`; null: none. */
    template: text(),
    /** What an e-mail says beside its text, as JSON `{ subject, html }`; null: it is none. */
    mail: text(),
    /** Set when a partner's octets pass through as they are; `body` then says the same, or nothing. */
    octets: bytea(),
    /** What else a partner's submit said, see `messages/pass-through.ts`. */
    pass_through: text(),
    /** When text and octets were erased, the record staying; null: they are there. */
    body_erased_at: timestamp({ withTimezone: true }),
    esm_class: smallint().notNull().default(0),
    data_coding: smallint(),
    /** Receipt wanted by the partner, SMPP v3.4 section 5.2.17. */
    registered_delivery: smallint().notNull().default(0),
    encoding: text().notNull(),
    requested_encoding: text().notNull(),
    segments: smallint().notNull(),
    max_segments: smallint(),
    traffic_class: text().notNull(),
    /** Words of the sender that routes go by; null: none. */
    tags: text().array(),
    /** It may only go to carriers that bring replies. */
    expects_reply: boolean().notNull().default(false),
    client_reference: text(),
    /** Where the sender wants to be told of this message, besides the tenant's endpoints. */
    callback_url: text(),
    country: text().notNull(),
    status: text().notNull(),
    /** Present carrier: the one that has it, or whose queue it waits in. */
    carrier: text(),
    /** Submits so far; the present one while it is being sent. */
    attempt: smallint().notNull().default(0),
    /** Failed tries since the message was accepted; retries are budgeted by it. */
    failures: smallint().notNull().default(0),
    /** What the tenant pays. */
    price_micros: bigint({ mode: 'bigint' }).notNull(),
    price_currency: text().notNull(),
    /** What the present carrier charges; what each submit costs stands in `attempts`. */
    cost_micros: bigint({ mode: 'bigint' }).notNull(),
    cost_currency: text().notNull(),
    /** The rate decks that say so, see `rate_decks`; 0: that of the configuration. */
    carrier_deck_version: integer().notNull(),
    /** Null: no deck of the tenant had a rate, and the price is the cost. */
    tenant_deck_version: integer(),
    error_code: text(),
    error_detail: text(),
    created_at: timestamp({ withTimezone: true }).notNull(),
    updated_at: timestamp({ withTimezone: true }).notNull(),
    final_at: timestamp({ withTimezone: true }),
    /** Asked for by the sender: not before this instant. */
    send_at: timestamp({ withTimezone: true }),
    /** What no carrier has taken by then ends as `expired`. */
    expires_at: timestamp({ withTimezone: true }).notNull(),
    /** When a message that waits for an instant is to be looked at again; null: it waits for nothing. */
    due_at: timestamp({ withTimezone: true }),
    /** When the present state is ended from outside; null once final. */
    deadline_at: timestamp({ withTimezone: true }),
    /** The node that works on it; null: whoever claims it. */
    lease_node: text(),
    /** Why it is on the dead-letter list; null: it is not. */
    dead_letter: text(),
    /** The message that repeats this dead letter, or that this one repeats. */
    replayed_as: uuid(),
    replay_of: uuid(),
    /** The failure rule that holds it for an operator; null: it is not held. */
    held_by: text(),
    /** The recipient's network at acceptance: MCC and MNC or its key; null: not known. */
    network: text(),
    /** What is sent where it does not arrive, as JSON, see `core/fallback.ts`; null: nothing. */
    fallback: text(),
    /** The ends after which it is. */
    fallback_on: text().array(),
    /** Without a final receipt by then it is sent as well; null: that is not waited for. */
    fallback_at: timestamp({ withTimezone: true }),
    /** The message that was sent in its place, and the one in whose place it is sent. */
    fallback_as: uuid(),
    fallback_of: uuid(),
    /** What its tenant pays for, see `core/charging.ts`; null: it is not billed. */
    charging: text(),
  },
  (table) => [
    index('messages_by_tenant').on(table.tenant_id, table.id),
    index('messages_by_reference')
      .on(table.tenant_id, table.client_reference)
      .where(sql`client_reference is not null`),
    index('messages_by_tag').using('gin', table.tags).where(sql`tags is not null`),
    // A lane's backlog is claimed along the first, waits and deadlines are found along the others;
    // a message that ends quickly is never in any of them.
    index('messages_backlog')
      .on(table.carrier, table.traffic_class, table.tenant_id, table.id)
      .where(sql`status = 'queued' and lease_node is null and due_at is null`),
    index('messages_due').on(table.due_at).where(sql`due_at is not null and final_at is null`),
    index('messages_deadline').on(table.deadline_at).where(sql`final_at is null`),
    index('messages_leased')
      .on(table.lease_node)
      .where(sql`lease_node is not null and final_at is null`),
    index('messages_sending').on(table.id).where(sql`status = 'sending'`),
    // Where texts are erased before records; a message enters when it ends and leaves with its text.
    index('messages_with_body')
      .on(table.tenant_id, table.final_at)
      .where(sql`final_at is not null and body_erased_at is null`),
    index('messages_by_partner_id')
      .on(table.partner, table.partner_message_id)
      .where(sql`partner_message_id is not null`),
    // What a partner cancels or replaces by addresses.
    index('messages_of_partner_waiting')
      .on(table.partner, sql`coalesce(to_fingerprint, to_number)`)
      .where(sql`partner is not null and status in ('queued', 'scheduled')`),
    // What may have to be sent by another channel; what arrives leaves it.
    index('messages_fallback')
      .on(table.id)
      .where(
        sql`fallback is not null and fallback_as is null and (final_at is null or status = any(fallback_on))`,
      ),
    index('messages_dead').on(table.tenant_id, table.id).where(sql`dead_letter is not null`),
    index('messages_held').on(table.tenant_id, table.id).where(sql`held_by is not null`),
  ],
)
