import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CHANNELS } from '../../src/core/channel.ts'
import { FAILURE_CODES } from '../../src/core/failure-code.ts'
import { FALLBACK_CAUSES } from '../../src/core/fallback.ts'
import { TRAFFIC_CLASSES } from '../../src/core/policy.ts'
import type {
  JournalEntry,
  MovedEntry,
  ReceiptEntry,
  SegmentAnswer,
  TimelineEvent,
} from '../../src/messages/journal.ts'
import { decodeEntries, encodeEntries } from '../../src/messages/journal-codec.ts'
import type { Message } from '../../src/messages/message.ts'
import { MESSAGE_STATUSES } from '../../src/messages/states.ts'
import { accepted, moved, receipt, submitting, testMessage } from './builders.ts'

// Every UTF-16 unit that a text can have but halves of surrogate pairs, which no text of ours has.
const text = fc.string({ unit: 'binary' })
const textOrNull = fc.option(text)
const small = fc.integer({ min: 0, max: 32_767 })
const instant = fc.date({
  min: new Date('1970-01-01T00:00:00Z'),
  max: new Date('9999-12-31T23:59:59.999Z'),
  noInvalidDate: true,
})
const instantOrNull = fc.option(instant)
const status = fc.constantFrom(...MESSAGE_STATUSES)

const message: fc.Arbitrary<Message> = fc
  .record({
    id: fc.uuid({ version: 7 }),
    tenantId: fc.uuid(),
    source: fc.constantFrom('rest', 'smpp'),
    partner: textOrNull,
    partnerMessageId: textOrNull,
    channel: fc.constantFrom(...CHANNELS),
    to: text,
    from: text,
    text,
    mail: fc.option(fc.record({ subject: text, html: textOrNull })),
    raw: fc.option(
      fc.record({
        octets: fc.uint8Array().map((octets) => Buffer.from(octets)),
        esmClass: small,
        dataCoding: small,
      }),
    ),
    passThrough: fc.option(
      fc.record({
        serviceType: text,
        protocolId: small,
        priorityFlag: small,
        esmClass: small,
        dataCoding: fc.option(small),
        concat: fc.option(fc.record({ reference: small, total: small, sequence: small })),
        tlvs: fc.array(
          fc.record({
            tag: small,
            value: fc.uint8Array().map((octets) => Buffer.from(octets)),
          }),
        ),
      }),
    ),
    registeredDelivery: small,
    encoding: text,
    requestedEncoding: fc.constantFrom('auto', 'gsm7', 'ucs2'),
    segments: small,
    maxSegments: fc.option(small),
    trafficClass: fc.constantFrom(...TRAFFIC_CLASSES),
    tags: fc.array(text, { maxLength: 3 }),
    expectsReply: fc.boolean(),
    template: fc.option(fc.record({ id: text, variables: fc.dictionary(text, text) })),
    clientReference: textOrNull,
    callbackUrl: textOrNull,
    country: text,
    priceMicros: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
    priceCurrency: text,
    costMicros: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
    costCurrency: text,
    carrierDeckVersion: small,
    tenantDeckVersion: fc.option(small),
    createdAt: instant,
    sendAt: instantOrNull,
    expiresAt: instant,
    replayOf: fc.option(fc.uuid()),
    status: fc.constantFrom('queued', 'scheduled'),
    carrier: text,
    dueAt: instantOrNull,
    deadlineAt: instantOrNull,
    network: textOrNull,
    fallback: fc.option(
      fc.record({
        steps: fc.array(
          fc.record({
            channel: fc.constantFrom(...CHANNELS),
            to: text,
            from: text,
            text,
            template: fc.constant(null),
            mail: fc.option(fc.record({ subject: text, html: textOrNull })),
          }),
          { minLength: 1, maxLength: 3 },
        ),
        on: fc.subarray([...FALLBACK_CAUSES]),
        afterSeconds: fc.option(small),
      }),
    ),
    fallbackAt: instantOrNull,
    fallbackOf: fc.option(fc.uuid()),
  })
  .map((fields) => ({
    ...testMessage(),
    ...(fields as Partial<Message>),
    mail: fields.channel === 'sms' ? null : fields.mail,
    fallbackAt: fields.fallback ? fields.fallbackAt : null,
    updatedAt: fields.createdAt,
  }))

function eventOf({ id }: Message): fc.Arbitrary<TimelineEvent> {
  return fc.record({
    messageId: fc.constant(id),
    at: instant,
    type: fc.constantFrom('accepted', 'routed', 'response', 'retry', 'replayed'),
    status,
    carrier: fc.option(text, { nil: undefined }),
    attempt: fc.option(small, { nil: undefined }),
    segment: fc.option(small, { nil: undefined }),
    code: fc.option(text, { nil: undefined }),
    rawCode: fc.option(text, { nil: undefined }),
    detail: fc.option(
      fc.dictionary(
        text.filter((key) => key !== '__proto__'),
        text,
      ),
      {
        nil: undefined,
      },
    ),
  })
}

const answer: fc.Arbitrary<SegmentAnswer> = fc.record({
  segment: small,
  state: fc.constantFrom('sent', 'refused', 'not_sent', 'uncertain'),
  carrierMessageId: textOrNull,
  matchKey: textOrNull,
  code: fc.option(fc.constantFrom(...FAILURE_CODES)),
  rawCode: fc.option(fc.string()),
})

const fate = fc.oneof(
  fc.record({ kind: fc.constant('done' as const) }),
  fc.record({ kind: fc.constant('later' as const), at: instant }),
  fc.record({ kind: fc.constant('dead' as const), reason: text }),
)

type EntryOf<Kind extends JournalEntry['kind']> = Extract<JournalEntry, { kind: Kind }>

/** What an older version has journalled, too. */
const MOVED_KEYS: Exclude<keyof MovedEntry, 'heldBy' | 'rawError' | 'cost'>[] = [
  'kind',
  'message',
  'to',
  'at',
  'carrier',
  'attempt',
  'answers',
  'events',
  'errorCode',
  'errorDetail',
  'failures',
  'dueAt',
  'deadlineAt',
  'deadLetter',
]
const RECEIPT_KEYS: Exclude<keyof ReceiptEntry, 'asksRules' | 'failure' | 'isQuery'>[] = [
  'kind',
  'id',
  'carrier',
  'carrierMessageId',
  'matchKeys',
  'state',
  'settles',
  'rawError',
  'rawText',
  'receivedAt',
  'about',
]

/** One for each kind there is: a new kind without one does not compile. */
const ENTRIES: {
  readonly [Kind in JournalEntry['kind']]: (message: Message) => fc.Arbitrary<EntryOf<Kind>>
} = {
  accepted: (message) =>
    fc.record({
      kind: fc.constant('accepted'),
      message: fc.constant(message),
      events: fc.array(eventOf(message), { maxLength: 3 }),
    }),
  submitting: (message) =>
    fc.record({
      kind: fc.constant('submitting'),
      message: fc.constant(message),
      carrier: text,
      attempt: small,
      segmentCount: small,
      replacements: fc.array(fc.record({ from: text, to: text, count: small }), { maxLength: 2 }),
      at: instant,
      deadlineAt: instant,
    }),
  moved: (message) =>
    fc.record(
      {
        kind: fc.constant('moved'),
        message: fc.constant(message),
        to: status,
        at: instant,
        carrier: text,
        attempt: small,
        answers: fc.array(answer, { maxLength: 3 }),
        events: fc.array(eventOf(message), { maxLength: 3 }),
        errorCode: textOrNull,
        errorDetail: textOrNull,
        failures: small,
        dueAt: instantOrNull,
        deadlineAt: instantOrNull,
        deadLetter: textOrNull,
        heldBy: text.filter((name) => name !== ''),
        rawError: text.filter((code) => code !== ''),
        cost: fc.record({
          micros: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
          currency: text,
          deckVersion: small,
        }),
      },
      { requiredKeys: MOVED_KEYS },
    ),
  late: (message) =>
    fc.record({
      kind: fc.constant('late'),
      message: fc.constant(message),
      at: instant,
      attempt: small,
      answers: fc.array(answer, { maxLength: 3 }),
      event: eventOf(message),
      deadlineAt: instant,
    }),
  receipt: () =>
    fc.record(
      {
        asksRules: fc.constant(true),
        failure: fc.constantFrom(...FAILURE_CODES),
        part: fc.record({ number: small, of: small }),
        kind: fc.constant('receipt'),
        id: fc.uuid({ version: 7 }),
        carrier: text,
        carrierMessageId: text,
        matchKeys: fc.array(text, { maxLength: 3 }),
        state: text,
        settles: fc.constantFrom('delivered', 'undelivered', 'expired', null),
        rawError: textOrNull,
        rawText: text,
        receivedAt: instant,
        about: fc.option(
          fc.record({
            recipient: text,
            sender: text,
            submittedAt: instantOrNull,
            reference: fc.option(small),
          }),
        ),
      },
      { requiredKeys: RECEIPT_KEYS },
    ),
  told: () =>
    fc.record({
      kind: fc.constant('told'),
      telling: fc.record({ id: text, recipient: text, tries: small }),
      outcome: fc.record({
        try: fc.record({
          at: instant,
          statusCode: fc.option(small),
          durationMs: fc.nat(),
          error: textOrNull,
        }),
        fate,
      }),
    }),
  fell_back: (message) =>
    fc.record({
      kind: fc.constant('fell_back'),
      message: fc.constant(message),
      fallbackAs: fc.option(fc.uuid()),
      event: eventOf(message),
    }),
  replayed: (message) =>
    fc.record({
      kind: fc.constant('replayed'),
      message: fc.constant(message),
      replayedAs: fc.uuid(),
      at: instant,
    }),
  replaced: (message) =>
    fc.record({
      kind: fc.constant('replaced'),
      message: fc.constant(message),
      at: instant,
      to: fc.constantFrom('queued', 'scheduled'),
      text,
      encoding: text,
      segments: small,
      priceMicros: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
      priceCurrency: text,
      carrier: text,
      sendAt: instantOrNull,
      expiresAt: instant,
      dueAt: instantOrNull,
      events: fc.array(eventOf(message), { maxLength: 3 }),
      octets: fc.option(fc.uint8Array().map((octets) => Buffer.from(octets))),
      registeredDelivery: small,
      costMicros: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
      costCurrency: text,
      carrierDeckVersion: small,
      tenantDeckVersion: fc.option(small),
    }),
  kept: () =>
    fc.record({
      kind: fc.constant('kept'),
      tenantId: fc.uuid(),
      scope: text,
      key: text,
      fingerprint: text,
      status: small,
      body: text,
      at: instant,
      expiresAt: instant,
    }),
}

function decodedWith(text: string, known: ReadonlyMap<string, Message>) {
  return decodeEntries(text).map((entry) => entry.resolve((id) => known.get(id)))
}

describe('encodeEntries and decodeEntries', () => {
  it.each(Object.entries(ENTRIES))('give every %s back as it was', (_, entryOf) => {
    const entry = message.chain((of) => entryOf(of) as fc.Arbitrary<JournalEntry>)
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 3 }), (entries) => {
        const known = new Map(
          entries.flatMap((each) => ('message' in each ? [[each.message.id, each.message]] : [])),
        )
        expect(decodedWith(encodeEntries(entries), known)).toEqual(entries)
      }),
      { numRuns: 60 },
    )
  })

  it('write what PostgreSQL takes as a text, whatever a message holds', () => {
    const hostile = testMessage({ text: 'a\0b\ud800c\\u0000', from: '"\\', clientReference: '\n' })
    const row = encodeEntries([accepted(hostile)])
    expect(row).not.toContain('\0')
    expect(Buffer.from(row).toString()).toBe(row)
    const [entry] = decodedWith(row, new Map())
    expect(entry).toMatchObject({ message: { from: '"\\', clientReference: '\n' } })
  })

  it('read an acceptance of a version that knew fewer fields', () => {
    const row = JSON.parse(encodeEntries([accepted(testMessage({ network: '23415' }))]))
    const beforeNetworks = row[0][1].slice(0, 29)
    row[0][1] = beforeNetworks
    const [entry] = decodedWith(JSON.stringify(row), new Map())
    expect(entry).toMatchObject({
      message: { network: null, partnerMessageId: null, country: 'GB' },
    })
  })

  it('say what a row needs and what it brings, before it is resolved', () => {
    const brought = testMessage()
    const needed = testMessage()
    const row = encodeEntries([
      accepted(brought),
      submitting(needed),
      moved(brought, 'failed'),
      receipt('x', 'DELIVERED'),
    ])
    expect(decodeEntries(row).map(({ accepts, messageId }) => [accepts, messageId])).toEqual([
      [brought.id, null],
      [null, needed.id],
      [null, brought.id],
      [null, null],
    ])
  })

  it('read what an older version has written, before messages had a cost', () => {
    const old = testMessage({ priceMicros: 42n, priceCurrency: 'USD' })
    const newer = { costMicros: 1n, costCurrency: 'GBP', carrierDeckVersion: 3 }
    const row = JSON.parse(encodeEntries([accepted({ ...old, ...newer, tenantDeckVersion: 4 })]))
    row[0][1].splice(-6)
    expect(decodedWith(JSON.stringify(row), new Map())).toMatchObject([
      {
        message: {
          costMicros: 42n,
          costCurrency: 'USD',
          carrierDeckVersion: 0,
          tenantDeckVersion: null,
        },
      },
    ])
  })

  it('leave out what names a message that nobody knows', () => {
    const row = encodeEntries([submitting(testMessage())])
    expect(decodedWith(row, new Map())).toEqual([undefined])
  })

  it('refuse what is no row of the journal', () => {
    expect(() => decodeEntries('[["a"')).toThrow(SyntaxError)
    expect(() => decodeEntries('[["?", 1]]')).toThrow(/unknown kind/)
  })
})
