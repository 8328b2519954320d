import type {
  BindStatus,
  CancelOutcome,
  Carrier,
  Content,
  ContentLayout,
  OutboundMessage,
  SegmentOutcome,
  Submission,
  SubmittedSegment,
} from '../../src/carriers/carrier.ts'
import { type Channel, WHOLE_TEXT } from '../../src/core/channel.ts'
import { planText } from '../../src/encoding/segment.ts'

/** A segment that a fake carrier was given. */
export interface SentSegment {
  readonly messageId: string
  readonly text: string
  readonly segment: number
  /** 1 for the first time this segment came. */
  readonly time: number
  /** What is left of the message's validity. */
  readonly validMs: number
}

type Answer = SegmentOutcome | Promise<SegmentOutcome>

/** A carrier that answers by a script instead of a connection. */
export class FakeCarrier implements Carrier {
  readonly name: string
  readonly type = 'fake'
  channel: Channel = 'sms'
  readonly layoutKey: string
  binds: readonly BindStatus[] = []
  lostConnections = 0
  givesReceipts = true
  readonly sent: SentSegment[] = []
  isUp = true
  windowSize = 10
  segmentsPerSecond = 0
  /** What its pace says; nothing waits unless told otherwise. */
  waitFor = (_segments: number, _journalling: number): number => 0
  /** Accepts everything unless told otherwise. */
  answer: (segment: SentSegment) => Answer
  /** Refuses to lay out or prepare such texts. */
  layOut = (content: Content): ContentLayout => {
    if (this.channel !== 'sms') return WHOLE_TEXT
    const { encoding, segmentCount } = planText(content.text, {
      encoding: content.requestedEncoding,
      maxSegments: content.maxSegments ?? undefined,
    })
    return { encoding, segments: segmentCount }
  }
  /** Set by tests of carriers that have such a request. */
  cancel?: (segment: SubmittedSegment) => Promise<CancelOutcome>
  #lastId = 0

  constructor(name: string, answer?: (segment: SentSegment) => Answer) {
    this.name = name
    this.layoutKey = name
    this.answer = answer ?? (() => this.accept())
  }

  get capacity(): number {
    return this.isUp ? this.windowSize : 0
  }

  /** An acceptance with an id of its own. */
  accept(): SegmentOutcome {
    const id = `${this.name}-${++this.#lastId}`
    return { kind: 'accepted', carrierMessageId: id, matchKey: id }
  }

  prepare(message: OutboundMessage): Submission {
    const { segments } = this.layOut(message)
    return {
      segmentCount: segments,
      replacements: [],
      send: async (segment, now) => {
        const before = this.sent.filter(
          (other) => other.messageId === message.id && other.segment === segment,
        )
        const sent = {
          messageId: message.id,
          text: message.text,
          segment,
          time: before.length + 1,
          validMs: message.expiresAt.getTime() - now.getTime(),
        }
        this.sent.push(sent)
        return this.answer(sent)
      },
    }
  }

  start(): void {}

  close(): Promise<void> {
    this.isUp = false
    return Promise.resolve()
  }
}

export const NOT_SENT = { kind: 'not_sent', reason: 'the connection closed' } as const

export const REFUSED = {
  kind: 'refused',
  code: 'destination_invalid',
  rawCode: '0x0000000b',
  reason: 'ESME_RINVDSTADR',
  class: 'message',
} as const

export const THROTTLED = { kind: 'throttled', rawCode: '0x00000058' } as const
