import type { Channel } from '../core/channel.ts'
import type { FailureCode } from '../core/failure-code.ts'
import type { Fallback } from '../core/fallback.ts'
import { NO_TAGS } from '../core/message-tags.ts'
import type { ContentTemplate, MailContent } from '../core/message-template.ts'
import type {
  JournalEntry,
  KeptEntry,
  LateEntry,
  MovedEntry,
  ReceiptEntry,
  ReplacedEntry,
  SegmentAnswer,
  SubmittingEntry,
  TimelineEvent,
  ToldEntry,
} from './journal.ts'
import type { Message } from './message.ts'
import type { CarrierCost } from './message-cost.ts'
import { passThroughOf, type StoredPassThrough, storedPassThrough } from './pass-through.ts'
import type { TellingFate } from './telling.ts'

/**
 * Writes entries as the text of one row of the journal.
 *
 * JSON without names, because every message passes through it about five times: an entry is an
 * array of its kind and its fields in a fixed order. An instant is a number of milliseconds, a
 * price a decimal text, octets are base64, and every entry but an acceptance names its message by
 * id only. A new version of the gateway reads the rows of the last one: fields are only ever added,
 * at the end.
 */
export function encodeEntries(entries: readonly JournalEntry[]): string {
  return JSON.stringify(entries.map(fieldsOf))
}

/** An entry whose message is known by id only. */
export interface DecodedEntry {
  /** The message that the entry brings; null: none. */
  readonly accepts: string | null
  /** The message that the entry needs; null: none, or the entry brings it. */
  readonly messageId: string | null
  /** The entry, its message filled in; undefined where the message is not known. */
  resolve(find: (id: string) => Message | undefined): JournalEntry | undefined
}

/**
 * Reads a row of the journal.
 *
 * @throws {SyntaxError} when the text is no JSON
 */
export function decodeEntries(text: string): DecodedEntry[] {
  return (JSON.parse(text) as Fields[]).map(decodedEntry)
}

type Fields = readonly unknown[]

const KIND = {
  accepted: 'a',
  submitting: 's',
  moved: 'm',
  late: 'l',
  receipt: 'r',
  told: 't',
  replayed: 'p',
  kept: 'w',
  replaced: 'x',
  fell_back: 'f',
} as const

function fieldsOf(entry: JournalEntry): Fields {
  switch (entry.kind) {
    case 'accepted':
      return [KIND.accepted, messageFields(entry.message), entry.events.map(eventFields)]
    case 'submitting':
      return [
        KIND.submitting,
        entry.message.id,
        entry.carrier,
        entry.attempt,
        entry.segmentCount,
        entry.replacements,
        entry.at.getTime(),
        entry.deadlineAt.getTime(),
      ]
    case 'moved':
      return [
        KIND.moved,
        entry.message.id,
        entry.to,
        entry.at.getTime(),
        entry.carrier,
        entry.attempt,
        entry.answers.map(answerFields),
        entry.events.map(eventFields),
        entry.errorCode,
        entry.errorDetail,
        entry.failures,
        millis(entry.dueAt),
        millis(entry.deadlineAt),
        entry.deadLetter,
        ...(entry.heldBy || entry.rawError || entry.cost
          ? [entry.heldBy ?? null, entry.rawError ?? null]
          : []),
        ...(entry.cost ? carrierCostFields(entry.cost) : []),
      ]
    case 'late':
      return [
        KIND.late,
        entry.message.id,
        entry.at.getTime(),
        entry.attempt,
        entry.answers.map(answerFields),
        eventFields(entry.event),
        entry.deadlineAt.getTime(),
      ]
    case 'receipt':
      return [
        KIND.receipt,
        entry.id,
        entry.carrier,
        entry.carrierMessageId,
        entry.matchKeys,
        entry.state,
        entry.settles,
        entry.rawError,
        entry.rawText,
        entry.receivedAt.getTime(),
        aboutFields(entry.about),
        entry.isQuery ? 1 : 0,
        ...(entry.asksRules || entry.failure || entry.part ? [entry.asksRules ? 1 : 0] : []),
        ...(entry.failure || entry.part ? [entry.failure ?? null] : []),
        ...(entry.part ? [[entry.part.number, entry.part.of]] : []),
      ]
    case 'told': {
      const { telling, outcome } = entry
      const { at, statusCode, durationMs, error } = outcome.try
      return [
        KIND.told,
        telling.id,
        telling.recipient,
        telling.tries,
        at.getTime(),
        statusCode,
        durationMs,
        error,
        ...fateFields(outcome.fate),
      ]
    }
    case 'replayed':
      return [KIND.replayed, entry.message.id, entry.replayedAs, entry.at.getTime()]
    case 'fell_back':
      return [KIND.fell_back, entry.message.id, entry.fallbackAs, eventFields(entry.event)]
    case 'replaced':
      return [
        KIND.replaced,
        entry.message.id,
        entry.at.getTime(),
        entry.to,
        entry.text,
        entry.encoding,
        entry.segments,
        entry.priceMicros.toString(),
        entry.priceCurrency,
        entry.carrier,
        millis(entry.sendAt),
        entry.expiresAt.getTime(),
        millis(entry.dueAt),
        entry.events.map(eventFields),
        entry.octets?.toString('base64') ?? null,
        entry.registeredDelivery,
        entry.costMicros.toString(),
        entry.costCurrency,
        entry.carrierDeckVersion,
        entry.tenantDeckVersion,
      ]
    case 'kept':
      return [
        KIND.kept,
        entry.tenantId,
        entry.scope,
        entry.key,
        entry.fingerprint,
        entry.status,
        entry.body,
        entry.at.getTime(),
        entry.expiresAt.getTime(),
      ]
  }
}

function decodedEntry(fields: Fields): DecodedEntry {
  const [kind, first] = fields
  switch (kind) {
    case KIND.accepted: {
      const message = messageOf(first as Fields)
      const events = eventsOf(fields[2], message.id)
      return {
        accepts: message.id,
        messageId: null,
        resolve: () => ({ kind: 'accepted', message, events }),
      }
    }
    case KIND.submitting:
      return linked(first as string, (message) => submittingOf(fields, message))
    case KIND.moved:
      return linked(first as string, (message) => movedOf(fields, message))
    case KIND.late:
      return linked(first as string, (message) => lateOf(fields, message))
    case KIND.replayed:
      return linked(first as string, (message) => ({
        kind: 'replayed',
        message,
        replayedAs: fields[2] as string,
        at: instant(fields[3]),
      }))
    case KIND.fell_back:
      return linked(first as string, (message) => ({
        kind: 'fell_back',
        message,
        fallbackAs: fields[2] as string | null,
        event: eventOf(fields[3] as Fields, message.id),
      }))
    case KIND.replaced:
      return linked(first as string, (message) => replacedOf(fields, message))
    case KIND.receipt:
      return alone(receiptOf(fields))
    case KIND.told:
      return alone(toldOf(fields))
    case KIND.kept:
      return alone(keptOf(fields))
    default:
      throw new SyntaxError(`the journal has an entry of the unknown kind ${String(kind)}`)
  }
}

function alone(entry: JournalEntry): DecodedEntry {
  return { accepts: null, messageId: null, resolve: () => entry }
}

function linked(messageId: string, build: (message: Message) => JournalEntry): DecodedEntry {
  return {
    accepts: null,
    messageId,
    resolve: (find) => {
      const message = find(messageId)
      return message && build(message)
    },
  }
}

function submittingOf(fields: Fields, message: Message): SubmittingEntry {
  const [, , carrier, attempt, segmentCount, replacements, at, deadlineAt] = fields
  return {
    kind: 'submitting',
    message,
    carrier: carrier as string,
    attempt: attempt as number,
    segmentCount: segmentCount as number,
    replacements: replacements as SubmittingEntry['replacements'],
    at: instant(at),
    deadlineAt: instant(deadlineAt),
  }
}

function movedOf(fields: Fields, message: Message): MovedEntry {
  const [, , to, at, carrier, attempt, answers, events, ...rest] = fields
  const [errorCode, errorDetail, failures, dueAt, deadlineAt, deadLetter, ...more] = rest
  const [heldBy, rawError, ...cost] = more
  return {
    kind: 'moved',
    message,
    to: to as MovedEntry['to'],
    at: instant(at),
    carrier: carrier as string,
    attempt: attempt as number,
    answers: (answers as Fields[]).map(answerOf),
    events: eventsOf(events, message.id),
    errorCode: errorCode as string | null,
    errorDetail: errorDetail as string | null,
    failures: failures as number,
    dueAt: instantOrNull(dueAt),
    deadlineAt: instantOrNull(deadlineAt),
    deadLetter: deadLetter as string | null,
    ...(typeof heldBy === 'string' ? { heldBy } : {}),
    ...(typeof rawError === 'string' ? { rawError } : {}),
    ...(cost.length > 0 ? { cost: carrierCostOf(cost) } : {}),
  }
}

function carrierCostFields({ micros, currency, deckVersion }: CarrierCost): Fields {
  return [micros.toString(), currency, deckVersion]
}

function carrierCostOf([micros, currency, deckVersion]: Fields): CarrierCost {
  return {
    micros: BigInt(micros as string),
    currency: currency as string,
    deckVersion: deckVersion as number,
  }
}

function lateOf(fields: Fields, message: Message): LateEntry {
  const [, , at, attempt, answers, event, deadlineAt] = fields
  return {
    kind: 'late',
    message,
    at: instant(at),
    attempt: attempt as number,
    answers: (answers as Fields[]).map(answerOf),
    event: eventOf(event as Fields, message.id),
    deadlineAt: instant(deadlineAt),
  }
}

function receiptOf(fields: Fields): ReceiptEntry {
  const [, id, carrier, carrierMessageId, matchKeys, state, settles, ...rest] = fields
  const [rawError, rawText, at, about, isQuery, asksRules, failure, part] = rest
  return {
    kind: 'receipt',
    id: id as string,
    carrier: carrier as string,
    carrierMessageId: carrierMessageId as string,
    matchKeys: matchKeys as string[],
    state: state as string,
    settles: settles as ReceiptEntry['settles'],
    rawError: rawError as string | null,
    rawText: rawText as string,
    receivedAt: instant(at),
    about: aboutOf(about as Fields | null | undefined),
    ...(isQuery === 1 ? { isQuery: true } : {}),
    ...(asksRules === 1 ? { asksRules: true } : {}),
    ...(failure ? { failure: failure as FailureCode } : {}),
    ...(part ? { part: partOf(part as [number, number]) } : {}),
  }
}

function partOf([number, of]: readonly [number, number]): ReceiptEntry['part'] {
  return { number, of }
}

function aboutFields(about: ReceiptEntry['about']): Fields | null {
  if (!about) return null
  const { recipient, sender, submittedAt, reference } = about
  return [recipient, sender, millis(submittedAt), reference]
}

/** Absent in receipts that an older version has journalled. */
function aboutOf(fields: Fields | null | undefined): ReceiptEntry['about'] {
  if (!fields) return null
  const [recipient, sender, submittedAt, reference] = fields
  return {
    recipient: recipient as string,
    sender: sender as string,
    submittedAt: instantOrNull(submittedAt),
    reference: reference as number | null,
  }
}

function toldOf(fields: Fields): ToldEntry {
  const [, id, recipient, tries, at, statusCode, durationMs, error, fate, fateValue] = fields
  return {
    kind: 'told',
    telling: { id: id as string, recipient: recipient as string, tries: tries as number },
    outcome: {
      try: {
        at: instant(at),
        statusCode: statusCode as number | null,
        durationMs: durationMs as number,
        error: error as string | null,
      },
      fate: fateOf(fate, fateValue),
    },
  }
}

function replacedOf(fields: Fields, message: Message): ReplacedEntry {
  const [, , at, to, text, encoding, segments, priceMicros, priceCurrency, ...rest] = fields
  const [carrier, sendAt, expiresAt, dueAt, events, octets, registeredDelivery, ...money] = rest
  return {
    kind: 'replaced',
    message,
    at: instant(at),
    to: to as ReplacedEntry['to'],
    text: text as string,
    encoding: encoding as string,
    segments: segments as number,
    priceMicros: BigInt(priceMicros as string),
    priceCurrency: priceCurrency as string,
    carrier: carrier as string,
    sendAt: instantOrNull(sendAt),
    expiresAt: instant(expiresAt),
    dueAt: instantOrNull(dueAt),
    events: eventsOf(events, message.id),
    // Absent where an older version has journalled it.
    octets: typeof octets === 'string' ? Buffer.from(octets, 'base64') : null,
    registeredDelivery: (registeredDelivery as number | undefined) ?? message.registeredDelivery,
    ...costOf(money, priceMicros, priceCurrency),
  }
}

function keptOf(fields: Fields): KeptEntry {
  const [, tenantId, scope, key, fingerprint, status, body, at, expiresAt] = fields
  return {
    kind: 'kept',
    tenantId: tenantId as string,
    scope: scope as string,
    key: key as string,
    fingerprint: fingerprint as string,
    status: status as number,
    body: body as string,
    at: instant(at),
    expiresAt: instant(expiresAt),
  }
}

function fateFields(fate: TellingFate): Fields {
  if (fate.kind === 'later') return ['later', fate.at.getTime()]
  return fate.kind === 'dead' ? ['dead', fate.reason] : ['done']
}

function fateOf(kind: unknown, value: unknown): TellingFate {
  if (kind === 'later') return { kind, at: instant(value) }
  return kind === 'dead' ? { kind, reason: value as string } : { kind: 'done' }
}

function answerFields(answer: SegmentAnswer): Fields {
  const { segment, state, carrierMessageId, matchKey, code, rawCode } = answer
  if (code === null && rawCode === null) return [segment, state, carrierMessageId, matchKey]
  return [segment, state, carrierMessageId, matchKey, code, rawCode]
}

function answerOf(fields: Fields): SegmentAnswer {
  const [segment, state, carrierMessageId, matchKey, code = null, rawCode = null] = fields
  return {
    segment: segment as number,
    state: state as SegmentAnswer['state'],
    carrierMessageId: carrierMessageId as string | null,
    matchKey: matchKey as string | null,
    code: code as SegmentAnswer['code'],
    rawCode: rawCode as string | null,
  }
}

function eventFields(event: TimelineEvent): Fields {
  const { at, type, status, carrier, attempt, segment, code, rawCode, detail } = event
  return [at.getTime(), type, status, carrier, attempt, segment, code, rawCode, detail]
}

function eventsOf(events: unknown, messageId: string): TimelineEvent[] {
  return (events as Fields[]).map((fields) => eventOf(fields, messageId))
}

function eventOf(fields: Fields, messageId: string): TimelineEvent {
  const [at, type, status, carrier, attempt, segment, code, rawCode, detail] = fields
  return {
    messageId,
    at: instant(at),
    type: type as TimelineEvent['type'],
    status: status as TimelineEvent['status'],
    carrier: (carrier as string | null) ?? undefined,
    attempt: (attempt as number | null) ?? undefined,
    segment: (segment as number | null) ?? undefined,
    code: (code as string | null) ?? undefined,
    rawCode: (rawCode as string | null) ?? undefined,
    detail: (detail as object | null) ?? undefined,
  }
}

/** An acceptance is written once, at the beginning of a life: what comes later is left out. */
function messageFields(message: Message): Fields {
  const { raw, tags, expectsReply, template, channel, fallback, fallbackOf } = message
  const falls = fallback !== null || fallbackOf !== null
  const isOther = channel !== 'sms' || falls
  const fields: unknown[] = [
    message.id,
    message.tenantId,
    message.source,
    message.partner,
    message.to,
    message.from,
    message.text,
    raw && [raw.octets.toString('base64'), raw.esmClass, raw.dataCoding],
    message.registeredDelivery,
    message.encoding,
    message.requestedEncoding,
    message.segments,
    message.maxSegments,
    message.trafficClass,
    message.clientReference,
    message.callbackUrl,
    message.country,
    message.priceMicros.toString(),
    message.priceCurrency,
    message.createdAt.getTime(),
    millis(message.sendAt),
    message.expiresAt.getTime(),
    message.replayOf,
    message.status,
    message.carrier,
    millis(message.dueAt),
    millis(message.deadlineAt),
    message.passThrough && storedPassThrough(message.passThrough),
    message.partnerMessageId,
    message.costMicros.toString(),
    message.costCurrency,
    message.carrierDeckVersion,
    message.tenantDeckVersion,
    message.network,
    message.charging,
  ]
  // Hardly any message has them.
  if (tags.length > 0 || expectsReply || template || isOther) {
    fields.push(tags, expectsReply ? 1 : 0)
  }
  if (template || isOther) fields.push(template)
  if (isOther) fields.push(channel, message.mail)
  if (falls) fields.push(fallback, millis(message.fallbackAt), fallbackOf)
  return fields
}

/** Absent where an older version has journalled it: then the price was the cost. */
function costOf(money: Fields, priceMicros: unknown, priceCurrency: unknown) {
  const [costMicros = priceMicros, costCurrency = priceCurrency, carrierDeck, tenantDeck] = money
  return {
    costMicros: BigInt(costMicros as string),
    costCurrency: costCurrency as string,
    carrierDeckVersion: (carrierDeck as number | undefined) ?? 0,
    tenantDeckVersion: (tenantDeck as number | null | undefined) ?? null,
  }
}

function messageOf(fields: Fields): Message {
  const [id, tenantId, source, partner, to, from, text, raw, registeredDelivery, ...rest] = fields
  const [encoding, requestedEncoding, segments, maxSegments, trafficClass, ...more] = rest
  const [clientReference, callbackUrl, country, priceMicros, priceCurrency, ...times] = more
  const [createdAt, sendAt, expiresAt, replayOf, status, carrier, dueAt, ...last] = times
  const [deadlineAt, passThrough, partnerMessageId, ...later] = last
  const cost = costOf(later, priceMicros, priceCurrency)
  const [, , , , network, charging, tags, expectsReply, template, ...rare] = later
  const [channel, mail, fallback, fallbackAt, fallbackOf] = rare
  return {
    id: id as string,
    tenantId: tenantId as string,
    source: source as Message['source'],
    partner: partner as string | null,
    // Absent where an older version has journalled it.
    partnerMessageId: (partnerMessageId as string | null | undefined) ?? null,
    channel: (channel as Channel | undefined) ?? 'sms',
    to: to as string,
    from: from as string,
    text: text as string,
    template: (template as ContentTemplate | null | undefined) ?? null,
    mail: (mail as MailContent | null | undefined) ?? null,
    raw: rawOf(raw as Fields | null),
    passThrough: passThrough ? passThroughOf(passThrough as StoredPassThrough) : null,
    registeredDelivery: registeredDelivery as number,
    encoding: encoding as string,
    requestedEncoding: requestedEncoding as Message['requestedEncoding'],
    segments: segments as number,
    maxSegments: maxSegments as number | null,
    trafficClass: trafficClass as Message['trafficClass'],
    tags: (tags as readonly string[] | undefined) ?? NO_TAGS,
    expectsReply: expectsReply === 1,
    clientReference: clientReference as string | null,
    callbackUrl: callbackUrl as string | null,
    country: country as string,
    priceMicros: BigInt(priceMicros as string),
    priceCurrency: priceCurrency as string,
    costMicros: cost.costMicros,
    costCurrency: cost.costCurrency,
    carrierDeckVersion: cost.carrierDeckVersion,
    tenantDeckVersion: cost.tenantDeckVersion,
    createdAt: instant(createdAt),
    sendAt: instantOrNull(sendAt),
    expiresAt: instant(expiresAt),
    replayOf: replayOf as string | null,
    status: status as Message['status'],
    carrier: carrier as string,
    attempt: 0,
    failures: 0,
    errorCode: null,
    errorDetail: null,
    updatedAt: instant(createdAt),
    finalAt: null,
    dueAt: instantOrNull(dueAt),
    deadlineAt: instantOrNull(deadlineAt),
    deadLetter: null,
    replayedAs: null,
    heldBy: null,
    // Absent where an older version has journalled it.
    network: (network as string | null | undefined) ?? null,
    charging: (charging as string | null | undefined) ?? null,
    fallback: (fallback as Fallback | null | undefined) ?? null,
    fallbackAt: instantOrNull(fallbackAt ?? null),
    fallbackAs: null,
    fallbackOf: (fallbackOf as string | null | undefined) ?? null,
  }
}

function rawOf(fields: Fields | null): Message['raw'] {
  if (fields === null) return null
  const [octets, esmClass, dataCoding] = fields
  return {
    octets: Buffer.from(octets as string, 'base64'),
    esmClass: esmClass as number,
    dataCoding: dataCoding as number,
  }
}

function millis(at: Date | null): number | null {
  return at === null ? null : at.getTime()
}

function instant(ms: unknown): Date {
  return new Date(ms as number)
}

function instantOrNull(ms: unknown): Date | null {
  return ms === null ? null : instant(ms)
}
