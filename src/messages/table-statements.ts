import { type SQL, sql } from 'drizzle-orm'
import type { LedgerBatch } from '../billing/ledger-chain.ts'
import { movementsOf } from '../billing/ledger-days.ts'
import { ledgerParts } from '../billing/ledger-rows.ts'
import { insertPending } from '../billing/usage-pending.ts'
import { addToVolumes } from '../billing/volume-tables.ts'
import { textArray, unnest } from '../store/batch.ts'
import type { Cipher } from '../store/cipher.ts'
import type { KeptEntry, ReceiptEntry } from './journal.ts'
import type { Attempt, MessageChange, Snapshot, TellingRecord } from './live.ts'
import type { Message } from './message.ts'
import { usageOf } from './message-usage.ts'
import { volumesOf } from './message-volumes.ts'
import { writePassThrough } from './pass-through.ts'
import { inAnswer, inMessage, inOutbox, inReceipt, sealJson, sealOctets } from './sealing.ts'
import { storedLines } from './timeline.ts'
import { isForPartner } from './tracker.ts'

/** How a snapshot is written. */
export interface SnapshotTarget {
  /** Who works on the messages that are held. */
  readonly node: string
  /** Parts of the statement, one of them `guard`: nothing is written unless that gives a row. */
  readonly guard: SQL
  readonly cipher: Cipher
  /** The lines of the ledger that are written with it. */
  readonly batch: LedgerBatch
  /** Lets other work come between two parts of the statement. */
  readonly breathe: () => Promise<void>
}

/**
 * One statement that writes a whole snapshot, or nothing of it.
 *
 * Its text is the same for every snapshot: parts without rows get empty arrays. It gives one row:
 * `guarded`, false where the guard has held it back, and `moved`, the ids of the rows that were found
 * in the status they are known to have.
 */
export async function snapshotStatement(snapshot: Snapshot, target: SnapshotTarget): Promise<SQL> {
  const { node, guard, breathe, cipher } = target
  const { messages, tellings } = snapshot
  const fresh = messages.filter(({ storedStatus }) => storedStatus === undefined)
  const known = messages.filter(({ storedStatus }) => storedStatus !== undefined)
  const freshTellings = tellings.filter((record): record is FreshTelling => record.fresh !== null)
  const knownTellings = tellings.filter((record) => record.fresh === null)
  const parts: readonly (readonly [string, () => SQL])[] = [
    ['new_messages', () => insertMessages(fresh, node, cipher)],
    ['moved', () => updateMessages(known, node, cipher)],
    ['new_attempts', () => insertAttempts(messages.flatMap((change) => change.newAttempts))],
    ['attempts_on', () => updateAttempts(messages.flatMap((change) => change.changedAttempts))],
    ['new_events', () => insertEvents(messages.filter(({ events }) => events.length > 0))],
    ['new_tellings', () => insertTellings(freshTellings, cipher)],
    ['tellings_on', () => updateTellings(knownTellings.filter((record) => !isOver(record)))],
    ['tellings_over', () => deleteTellings(knownTellings.filter(isOver).map(({ id }) => id))],
    ['new_orphans', () => insertOrphans(snapshot.newOrphans, cipher)],
    ['orphans_over', () => deleteOrphans(snapshot.adoptedOrphans)],
    ['new_answers', () => writeAnswers(snapshot.answers, cipher)],
    ...ledgerParts(target.batch),
    ['volumes', () => addToVolumes(volumesOf(messages))],
    ['new_usage', () => insertPending(usageOf(messages), movementsOf(target.batch.bookings))],
  ]
  const bodies: SQL[] = []
  for (const [name, build] of parts) {
    bodies.push(sql`${sql.raw(name)} as (${build()})`)
    await breathe()
  }
  return sql`
    with ${guard}, ${sql.join(bodies, sql`, `)}
    select exists (select from guard) as guarded, array(select id::text from moved) as moved`
}

/** What a partner has acknowledged is over; an endpoint's log stays. */
function isOver({ state, recipient }: TellingRecord): boolean {
  return state === 'done' && isForPartner(recipient)
}

/** Makes the rows of new messages; `node` is who works on those that are held. */
function insertMessages(changes: readonly MessageChange[], node: string, cipher: Cipher): SQL {
  const isSealing = cipher.activeKeyId !== undefined
  const rows = unnest<MessageChange>(
    'v',
    {
      id: ['uuid', ({ row }) => row.id],
      tenant_id: ['uuid', ({ row }) => row.tenantId],
      source: ['text', ({ row }) => row.source],
      partner: ['text', ({ row }) => row.partner],
      partner_message_id: ['text', ({ row }) => row.partnerMessageId],
      channel: ['text', ({ row }) => row.channel],
      to_number: [
        'text',
        ({ row }) => cipher.seal(row.to, inMessage('to_number', row.tenantId, row.id)),
      ],
      to_fingerprint: ['text', ({ row }) => (isSealing ? cipher.fingerprint(row.to) : null)],
      from_sender: ['text', ({ row }) => row.from],
      body: ['text', ({ row }) => cipher.seal(row.text, inMessage('body', row.tenantId, row.id))],
      template: ['text', ({ row }) => sealedTemplate(row, cipher)],
      mail: [
        'text',
        ({ row }) =>
          row.mail &&
          cipher.seal(JSON.stringify(row.mail), inMessage('mail', row.tenantId, row.id)),
      ],
      octets: [
        'bytea',
        ({ row }) =>
          row.raw && sealOctets(cipher, row.raw.octets, inMessage('octets', row.tenantId, row.id)),
      ],
      pass_through: [
        'text',
        ({ row }) =>
          row.passThrough &&
          cipher.seal(
            writePassThrough(row.passThrough),
            inMessage('pass_through', row.tenantId, row.id),
          ),
      ],
      esm_class: ['int2', ({ row }) => row.raw?.esmClass ?? 0],
      data_coding: ['int2', ({ row }) => row.raw?.dataCoding],
      registered_delivery: ['int2', ({ row }) => row.registeredDelivery],
      encoding: ['text', ({ row }) => row.encoding],
      requested_encoding: ['text', ({ row }) => row.requestedEncoding],
      segments: ['int2', ({ row }) => row.segments],
      max_segments: ['int2', ({ row }) => row.maxSegments],
      traffic_class: ['text', ({ row }) => row.trafficClass],
      tags: ['text[]', ({ row }) => (row.tags.length > 0 ? row.tags : null)],
      expects_reply: ['bool', ({ row }) => row.expectsReply],
      client_reference: ['text', ({ row }) => row.clientReference],
      callback_url: ['text', ({ row }) => row.callbackUrl],
      country: ['text', ({ row }) => row.country],
      status: ['text', ({ row }) => row.status],
      carrier: ['text', ({ row }) => row.carrier],
      attempt: ['int2', ({ row }) => row.attempt],
      failures: ['int2', ({ row }) => row.failures],
      price_micros: ['int8', ({ row }) => row.priceMicros],
      price_currency: ['text', ({ row }) => row.priceCurrency],
      cost_micros: ['int8', ({ row }) => row.costMicros],
      cost_currency: ['text', ({ row }) => row.costCurrency],
      carrier_deck_version: ['int4', ({ row }) => row.carrierDeckVersion],
      tenant_deck_version: ['int4', ({ row }) => row.tenantDeckVersion],
      error_code: ['text', ({ row }) => row.errorCode],
      error_detail: ['text', ({ row }) => row.errorDetail],
      created_at: ['timestamptz', ({ row }) => row.createdAt],
      updated_at: ['timestamptz', ({ row }) => row.updatedAt],
      final_at: ['timestamptz', ({ row }) => row.finalAt],
      send_at: ['timestamptz', ({ row }) => row.sendAt],
      expires_at: ['timestamptz', ({ row }) => row.expiresAt],
      due_at: ['timestamptz', ({ row }) => row.dueAt],
      deadline_at: ['timestamptz', ({ row }) => row.deadlineAt],
      lease_node: ['text', ({ isHeld }) => (isHeld ? node : null)],
      dead_letter: ['text', ({ row }) => row.deadLetter],
      replayed_as: ['uuid', ({ row }) => row.replayedAs],
      replay_of: ['uuid', ({ row }) => row.replayOf],
      held_by: ['text', ({ row }) => row.heldBy],
      network: ['text', ({ row }) => row.network],
      charging: ['text', ({ row }) => row.charging],
      fallback: [
        'text',
        ({ row }) =>
          row.fallback &&
          cipher.seal(JSON.stringify(row.fallback), inMessage('fallback', row.tenantId, row.id)),
      ],
      fallback_on: ['text[]', ({ row }) => row.fallback?.on],
      fallback_at: ['timestamptz', ({ row }) => row.fallbackAt],
      fallback_as: ['uuid', ({ row }) => row.fallbackAs],
      fallback_of: ['uuid', ({ row }) => row.fallbackOf],
    },
    changes,
  )
  return sql`
    insert into messages (id, tenant_id, source, partner, partner_message_id, channel,
      to_number, to_fingerprint, from_sender, body, template, mail, octets, pass_through, esm_class, data_coding,
      registered_delivery, encoding, requested_encoding, segments,
      max_segments, traffic_class, tags, expects_reply, client_reference, callback_url, country, status, carrier,
      attempt, failures, price_micros, price_currency, cost_micros, cost_currency,
      carrier_deck_version, tenant_deck_version, error_code, error_detail, created_at,
      updated_at, final_at, send_at, expires_at, due_at, deadline_at, lease_node, dead_letter,
      replayed_as, replay_of, held_by, network, charging, fallback, fallback_on, fallback_at, fallback_as,
      fallback_of)
    select v.* from ${rows} cross join guard
    on conflict do nothing`
}

/** Moves rows on from the status they are known to have; gives the ids of those it found so. */
function updateMessages(changes: readonly MessageChange[], node: string, cipher: Cipher): SQL {
  const rows = unnest<MessageChange>(
    'v',
    {
      id: ['uuid', ({ row }) => row.id],
      stored_status: ['text', ({ storedStatus }) => storedStatus],
      status: ['text', ({ row }) => row.status],
      carrier: ['text', ({ row }) => row.carrier],
      attempt: ['int2', ({ row }) => row.attempt],
      failures: ['int2', ({ row }) => row.failures],
      error_code: ['text', ({ row }) => row.errorCode],
      error_detail: ['text', ({ row }) => row.errorDetail],
      updated_at: ['timestamptz', ({ row }) => row.updatedAt],
      final_at: ['timestamptz', ({ row }) => row.finalAt],
      due_at: ['timestamptz', ({ row }) => row.dueAt],
      deadline_at: ['timestamptz', ({ row }) => row.deadlineAt],
      lease_node: ['text', ({ isHeld }) => (isHeld ? node : null)],
      dead_letter: ['text', ({ row }) => row.deadLetter],
      replayed_as: ['uuid', ({ row }) => row.replayedAs],
      held_by: ['text', ({ row }) => row.heldBy],
      fallback_as: ['uuid', ({ row }) => row.fallbackAs],
      keeps_fallback: ['bool', ({ row }) => (row.fallback ? true : null)],
      // One column each for what seldom changes: for most rows it is NULL.
      replaced: ['jsonb', (change) => replacedColumns(change, cipher)],
      cost: ['jsonb', (change) => (change.hasNewCost ? costColumns(change) : null)],
    },
    changes,
  )
  return sql`
    update messages m
    set status = v.status, carrier = v.carrier, attempt = v.attempt, failures = v.failures,
      error_code = v.error_code, error_detail = v.error_detail, updated_at = v.updated_at,
      final_at = v.final_at, due_at = v.due_at, deadline_at = v.deadline_at,
      lease_node = v.lease_node, dead_letter = v.dead_letter, replayed_as = v.replayed_as,
      held_by = v.held_by, fallback_as = v.fallback_as,
      fallback = case when v.keeps_fallback then m.fallback end,
      body = coalesce(v.replaced->>'body', m.body),
      template = case when v.replaced is null then m.template else v.replaced->>'template' end,
      octets = coalesce(decode(v.replaced->>'octets', 'hex'), m.octets),
      registered_delivery =
        coalesce((v.replaced->>'registered_delivery')::int2, m.registered_delivery),
      encoding = coalesce(v.replaced->>'encoding', m.encoding),
      segments = coalesce((v.replaced->>'segments')::int2, m.segments),
      price_micros = coalesce((v.replaced->>'price_micros')::int8, m.price_micros),
      price_currency = coalesce(v.replaced->>'price_currency', m.price_currency),
      cost_micros = coalesce((v.cost->>'micros')::int8, m.cost_micros),
      cost_currency = coalesce(v.cost->>'currency', m.cost_currency),
      carrier_deck_version = coalesce((v.cost->>'deck_version')::int4, m.carrier_deck_version),
      tenant_deck_version = case when v.replaced is null then m.tenant_deck_version
        else (v.replaced->>'tenant_deck_version')::int4 end,
      expires_at = coalesce((v.replaced->>'expires_at')::timestamptz, m.expires_at),
      send_at = case when v.replaced is null then m.send_at
        else (v.replaced->>'send_at')::timestamptz end
    from ${rows} cross join guard
    where m.id = v.id and m.status = v.stored_status
    returning m.id`
}

function replacedColumns({ row, replacements }: MessageChange, cipher: Cipher): object | null {
  if (replacements.length === 0) return null
  return {
    body: cipher.seal(row.text, inMessage('body', row.tenantId, row.id)),
    template: sealedTemplate(row, cipher),
    octets:
      row.raw &&
      sealOctets(cipher, row.raw.octets, inMessage('octets', row.tenantId, row.id)).toString('hex'),
    registered_delivery: row.registeredDelivery,
    encoding: row.encoding,
    segments: row.segments,
    price_micros: row.priceMicros.toString(),
    price_currency: row.priceCurrency,
    tenant_deck_version: row.tenantDeckVersion,
    expires_at: row.expiresAt.toISOString(),
    send_at: row.sendAt?.toISOString() ?? null,
  }
}

function sealedTemplate({ template, tenantId, id }: Message, cipher: Cipher): string | null {
  return template && cipher.seal(JSON.stringify(template), inMessage('template', tenantId, id))
}

function costColumns({ row }: MessageChange): object {
  return {
    micros: row.costMicros.toString(),
    currency: row.costCurrency,
    deck_version: row.carrierDeckVersion,
  }
}

/** Makes the rows of submits. */
function insertAttempts(attempts: readonly Attempt[]): SQL {
  const rows = unnest<Attempt>(
    'v',
    {
      message_id: ['uuid', ({ messageId }) => messageId],
      attempt: ['int2', ({ attempt }) => attempt],
      segment: ['int2', ({ segment }) => segment],
      carrier: ['text', ({ carrier }) => carrier],
      ...ATTEMPT_PROGRESS,
      submitted_at: ['timestamptz', ({ submittedAt }) => submittedAt],
      cost_micros: ['int8', ({ costMicros }) => costMicros],
      cost_currency: ['text', ({ costCurrency }) => costCurrency],
      carrier_deck_version: ['int4', ({ carrierDeckVersion }) => carrierDeckVersion],
    },
    attempts,
  )
  return sql`
    insert into attempts (message_id, attempt, segment, carrier, state, carrier_message_id,
      match_key, code, raw_code, answered_at, receipt_at, open_parts, submitted_at, cost_micros,
      cost_currency, carrier_deck_version)
    select v.* from ${rows} cross join guard
    on conflict do nothing`
}

/** Brings the rows of submits up to date. */
function updateAttempts(attempts: readonly Attempt[]): SQL {
  const rows = unnest<Attempt>(
    'v',
    {
      message_id: ['uuid', ({ messageId }) => messageId],
      attempt: ['int2', ({ attempt }) => attempt],
      segment: ['int2', ({ segment }) => segment],
      ...ATTEMPT_PROGRESS,
    },
    attempts,
  )
  return sql`
    update attempts a
    set state = v.state, carrier_message_id = v.carrier_message_id, match_key = v.match_key,
      code = v.code, raw_code = v.raw_code, answered_at = v.answered_at, receipt_at = v.receipt_at,
      open_parts = v.open_parts
    from ${rows} cross join guard
    where a.message_id = v.message_id and a.attempt = v.attempt and a.segment = v.segment`
}

const ATTEMPT_PROGRESS = {
  state: ['text', ({ state }: Attempt) => state],
  carrier_message_id: ['text', ({ carrierMessageId }: Attempt) => carrierMessageId],
  match_key: ['text', ({ matchKey }: Attempt) => matchKey],
  code: ['text', ({ code }: Attempt) => code],
  raw_code: ['text', ({ rawCode }: Attempt) => rawCode],
  answered_at: ['timestamptz', ({ answeredAt }: Attempt) => answeredAt],
  receipt_at: ['timestamptz', ({ receiptAt }: Attempt) => receiptAt],
  open_parts: ['text', ({ openParts }: Attempt) => openParts?.join(' ') ?? null],
} as const

/** Adds lines to timelines: one row for all that is new of a message. */
function insertEvents(changes: readonly MessageChange[]): SQL {
  const rows = unnest<MessageChange>(
    'v',
    {
      message_id: ['uuid', ({ row }) => row.id],
      lines: ['json', ({ events }) => storedLines(events)],
    },
    changes,
  )
  return sql`
    insert into events (message_id, lines)
    select v.* from ${rows} cross join guard`
}

/** A telling that has no row yet. */
export type FreshTelling = TellingRecord & { readonly fresh: NonNullable<TellingRecord['fresh']> }

/** Makes the rows of tellings; the statement around it has a part `guard`. */
export function insertTellings(records: readonly FreshTelling[], cipher: Cipher): SQL {
  const rows = unnest<FreshTelling>(
    'v',
    {
      ...TELLING_PROGRESS,
      recipient: ['text', ({ recipient }) => recipient],
      url: ['text', ({ fresh }) => fresh.telling.url],
      tenant_id: ['uuid', ({ fresh }) => fresh.telling.tenantId],
      subject_id: ['uuid', ({ fresh }) => fresh.telling.subjectId],
      event: ['text', ({ fresh }) => fresh.telling.event],
      payload: [
        'jsonb',
        ({ id, fresh: { telling } }) =>
          sealJson(cipher, telling.payload, inOutbox(telling.tenantId, id)),
      ],
      created_at: ['timestamptz', ({ fresh }) => fresh.createdAt],
    },
    records,
  )
  return sql`
    insert into outbox (id, state, due_at, tries, log, recipient, url, tenant_id, subject_id,
      event, payload, created_at)
    select v.* from ${rows} cross join guard
    on conflict do nothing`
}

/** Brings the rows of tellings up to date. */
function updateTellings(records: readonly TellingRecord[]): SQL {
  const rows = unnest<TellingRecord>('v', TELLING_PROGRESS, records)
  return sql`
    update outbox o
    set state = v.state, due_at = v.due_at, tries = v.tries, log = o.log || v.log
    from ${rows} cross join guard
    where o.id = v.id`
}

const TELLING_PROGRESS = {
  id: ['text', ({ id }: TellingRecord) => id],
  state: ['text', ({ state }: TellingRecord) => state],
  due_at: ['timestamptz', ({ dueAt }: TellingRecord) => dueAt],
  tries: ['int2', ({ tries }: TellingRecord) => tries],
  log: ['jsonb', logOf],
} as const

function logOf({ log }: TellingRecord): object {
  return log.map((entry) => ({
    at: entry.at.toISOString(),
    status_code: entry.statusCode,
    duration_ms: entry.durationMs,
    error: entry.error,
  }))
}

/** Removes the rows of tellings that nobody needs any more. */
function deleteTellings(ids: readonly string[]): SQL {
  return sql`delete from outbox using guard where outbox.id = any(${textArray(ids)}::text::text[])`
}

/** Makes the rows of receipts without a submit. */
function insertOrphans(receipts: readonly ReceiptEntry[], cipher: Cipher): SQL {
  const rows = unnest<ReceiptEntry>(
    'v',
    {
      id: ['uuid', ({ id }) => id],
      carrier: ['text', ({ carrier }) => carrier],
      carrier_message_id: ['text', ({ carrierMessageId }) => carrierMessageId],
      match_keys: ['text[]', ({ matchKeys }) => matchKeys],
      state: ['text', ({ state }) => state],
      settles: ['text', ({ settles }) => settles],
      raw_error: ['text', ({ rawError }) => rawError],
      failure: ['text', ({ failure }) => failure ?? null],
      raw_text: ['text', ({ id, rawText }) => cipher.seal(rawText, inReceipt('raw_text', id))],
      received_at: ['timestamptz', ({ receivedAt }) => receivedAt],
      about: ['jsonb', (receipt) => aboutOf(receipt, cipher)],
      part: ['int2', ({ part }) => part?.number ?? null],
      parts: ['int2', ({ part }) => part?.of ?? null],
    },
    receipts,
  )
  return sql`
    insert into receipts (id, carrier, carrier_message_id, match_keys, state, settles, raw_error,
      failure, raw_text, received_at, about, part, parts)
    select v.* from ${rows} cross join guard
    on conflict do nothing`
}

function aboutOf({ id, about }: ReceiptEntry, cipher: Cipher): object | null {
  if (!about) return null
  const { recipient, sender, submittedAt, reference } = about
  const stored = { recipient, sender, submitted_at: submittedAt?.toISOString() ?? null, reference }
  return sealJson(cipher, stored, inReceipt('about', id))
}

/** Removes receipts that have found their submit. */
function deleteOrphans(ids: readonly string[]): SQL {
  return sql`delete from receipts using guard where receipts.id = any(${textArray(ids)}::text::uuid[])`
}

/** Keeps answers to calls with a key; one that is over makes room. */
function writeAnswers(answers: readonly KeptEntry[], cipher: Cipher): SQL {
  const rows = unnest<KeptEntry>(
    'v',
    {
      tenant_id: ['uuid', ({ tenantId }) => tenantId],
      scope: ['text', ({ scope }) => scope],
      key: ['text', ({ key }) => key],
      fingerprint: [
        'text',
        (answer) => cipher.seal(answer.fingerprint, inAnswer('fingerprint', answer)),
      ],
      status: ['int2', ({ status }) => status],
      body: ['text', (answer) => cipher.seal(answer.body, inAnswer('body', answer))],
      created_at: ['timestamptz', ({ at }) => at],
      expires_at: ['timestamptz', ({ expiresAt }) => expiresAt],
    },
    answers,
  )
  return sql`
    insert into idempotency_keys as k (tenant_id, scope, key, fingerprint, status, body, created_at,
      expires_at)
    select v.* from ${rows} cross join guard
    on conflict (tenant_id, scope, key) do update
    set fingerprint = excluded.fingerprint, status = excluded.status, body = excluded.body,
      created_at = excluded.created_at, expires_at = excluded.expires_at
    where k.expires_at <= excluded.created_at`
}
