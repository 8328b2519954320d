import type {
  OutboundMessage,
  SegmentOutcome,
  SendOptions,
  Submission,
  SubmitIdentity,
} from '../carriers/carrier.ts'
import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { ClassPolicy } from '../core/policy.ts'
import { parseSender } from '../routing/sender.ts'
import type { Lane } from './lane.ts'
import type { LateAnswer } from './late.ts'
import type { LiveMessages } from './live.ts'
import type { Message } from './message.ts'
import { repeatedSubmit } from './repetition.ts'
import { type PolicyFor, unknownUntil } from './settle.ts'
import type { Spool } from './spool.ts'
import { isFinal } from './states.ts'

/** What a {@link Submitter} works with. */
export interface SubmitterOptions {
  readonly spool: Pick<Spool, 'write'>
  readonly live: Pick<LiveMessages, 'get'>
  readonly policyFor: PolicyFor
  /** A carrier has answered after the outcome counted as unknown. */
  readonly onLate: (message: Message, answer: LateAnswer) => void
  /** A carrier has asked for a slower pace. */
  readonly onThrottled: (message: Message, carrier: string) => void
  readonly clock: Clock
}

/** How often the rest of a message is sent again, and how long a connection is waited for. */
const MAX_RESUMPTIONS = 5
const RESUME_PATIENCE_MS = 30_000

/** Rest before a refused segment of a half-sent message goes again; doubles with each time. */
const RESEND_WAIT_MS = 250

/** Told what became of a segment after its outcome counted as unknown. */
type OnLate = (segment: number, outcome: SegmentOutcome) => void

/** A message at a carrier. */
interface Sending {
  readonly lane: Lane
  readonly message: Message
  readonly submission: Submission
  readonly attempt: number
  readonly onLate: OnLate
  /** Requests for a slower pace after which a segment is given up; 0: as long as it is valid. */
  readonly patience: number
  /** The carrier has a part of it, or may have: the rest is not given up. */
  isTaken: boolean
}

/**
 * Submits messages: the intent is journalled before the first octet is written, and half a message is
 * completed where it can be.
 */
export class Submitter {
  readonly #options: SubmitterOptions
  constructor(options: SubmitterOptions) {
    this.#options = options
  }

  /** Journals the intent, sends the segments, and gives what became of each. */
  async submit(lane: Lane, message: Message): Promise<SegmentOutcome[]> {
    const attempt = message.attempt + 1
    const policy = this.#options.policyFor(message.trafficClass)
    const identity = this.#identityOf(message, attempt, lane.carrier.name, policy)
    let submission: Submission
    try {
      submission = lane.carrier.prepare(outbound(message, identity))
    } catch (error) {
      // The carrier's settings have changed since the message was accepted: try the others.
      return [unpreparable(error)]
    }
    const { segmentCount, replacements } = submission
    lane.inFlight += segmentCount
    try {
      const at = this.#options.clock()
      lane.journalling += segmentCount
      try {
        await this.#options.spool.write({
          kind: 'submitting',
          message,
          carrier: lane.carrier.name,
          attempt,
          segmentCount,
          replacements,
          at,
          deadlineAt: unknownUntil(policy, message, at),
        })
      } finally {
        lane.journalling -= segmentCount
      }
      // A receipt of an earlier submit has ended it while this was being written.
      if (isFinal(message.status)) return [{ kind: 'not_sent', reason: 'the message has ended' }]
      const onLate: OnLate = (segment, outcome) =>
        this.#options.onLate(message, { attempt, segment, outcome })
      const patience = policy.retry.throttled.maxAttempts
      const sending = { lane, message, submission, attempt, onLate, patience, isTaken: false }
      return await this.#sendAll(sending)
    } finally {
      lane.inFlight -= segmentCount
    }
  }

  #identityOf(
    { id }: Message,
    attempt: number,
    carrier: string,
    { uncertain }: ClassPolicy,
  ): SubmitIdentity {
    const repeated = repeatedSubmit(this.#options.live.get(id)?.attempts ?? [], carrier)
    return {
      key: `${id} ${repeated ?? attempt}`,
      isRepetition: repeated !== undefined,
      mayBeRepeated: uncertain === 'resend',
    }
  }

  /**
   * Sends all segments. Where the carrier has taken some, those that a closed connection or a passing
   * refusal has kept from it follow: half a message is of no use to anybody.
   */
  async #sendAll(sending: Sending): Promise<SegmentOutcome[]> {
    const { lane, submission } = sending
    const outcomes = await this.#sendEach(sending, numbersTo(submission.segmentCount))
    for (let tries = 0; tries < MAX_RESUMPTIONS; tries++) {
      const missing = missingSegments(outcomes)
      if (missing.length === 0) break
      if (outcomes.some(({ kind }) => kind === 'refused')) {
        await lane.rest(RESEND_WAIT_MS * 2 ** tries)
      }
      if (lane.isAbandoned || !(await lane.isUpWithin(RESUME_PATIENCE_MS))) break
      const resumed = await this.#sendEach(sending, missing)
      missing.forEach((segment, index) => {
        const outcome = resumed[index]
        if (outcome) outcomes[segment - 1] = outcome
      })
    }
    return outcomes
  }

  #sendEach(sending: Sending, segments: readonly number[]): Promise<SegmentOutcome[]> {
    const now = this.#options.clock()
    const isWhole = segments.length > 1 && segments.length === sending.submission.segmentCount
    return Promise.all(segments.map((segment) => this.#send(sending, segment, now, isWhole)))
  }

  /** Sends one segment, as often as the carrier asks for patience and the message is valid. */
  async #send(
    sending: Sending,
    segment: number,
    startedAt: Date,
    isWhole: boolean,
  ): Promise<SegmentOutcome> {
    const { lane, message, submission, attempt, onLate, patience } = sending
    let options: SendOptions = {
      mark: { messageId: message.id, attempt },
      onLate: (late) => onLate(segment, late),
      isWhole,
    }
    let refusals = 0
    for (let now = startedAt; ; now = this.#options.clock()) {
      if (message.expiresAt <= now) return { kind: 'not_sent', reason: 'its validity has ended' }
      const outcome = await submission.send(segment, now, options)
      if (outcome.kind !== 'throttled') {
        sending.isTaken ||= outcome.kind === 'accepted' || outcome.kind === 'uncertain'
        return outcome
      }
      this.#options.onThrottled(message, lane.carrier.name)
      if (lane.isAbandoned) return { kind: 'not_sent', reason: 'its carrier is being closed' }
      refusals++
      if (patience > 0 && refusals >= patience && !sending.isTaken) return outcome
      // The carrier's pace holds it back; its place is before what waits.
      options = { ...options, isWhole: false, again: true }
    }
  }
}

function outbound(message: Message, submit: SubmitIdentity): OutboundMessage {
  const sender = message.channel === 'sms' ? parseSender(message.from) : undefined
  return {
    id: message.id,
    tenantId: message.tenantId,
    partner: message.partner,
    from: message.from,
    to: message.to,
    sender: sender?.ok ? sender.sender : { value: message.from, ton: 0, npi: 0 },
    text: message.text,
    template: message.template,
    mail: message.mail,
    raw: message.raw,
    passThrough: message.passThrough,
    requestedEncoding: message.requestedEncoding,
    maxSegments: message.maxSegments,
    registeredDelivery: message.registeredDelivery,
    expiresAt: message.expiresAt,
    submit,
  }
}

function unpreparable(error: unknown): SegmentOutcome {
  return {
    kind: 'refused',
    code: 'not_encodable',
    rawCode: null,
    reason: `it cannot be encoded for this carrier: ${messageOf(error)}`,
    class: 'message',
  }
}

/** The segments that may still complete a message of which the carrier has taken others. */
function missingSegments(outcomes: readonly SegmentOutcome[]): number[] {
  const isTaken = outcomes.some(({ kind }) => kind === 'accepted' || kind === 'uncertain')
  const isLost = outcomes.some((outcome) => outcome.kind === 'refused' && !isPassing(outcome))
  if (!isTaken || isLost) return []
  return numbersTo(outcomes.length).filter((segment) => {
    const outcome = outcomes[segment - 1]
    if (outcome?.kind === 'not_sent' || outcome?.kind === 'throttled') return true
    return outcome !== undefined && isPassing(outcome)
  })
}

function isPassing(outcome: SegmentOutcome): boolean {
  return outcome.kind === 'refused' && outcome.class === 'passing'
}

/** The numbers from 1 to `last`. */
function numbersTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1)
}
