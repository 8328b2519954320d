import type { SmppCarrierConfig } from '../config/smpp-carriers.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { siblingKey } from '../core/pass-through.ts'
import { Recent } from '../core/recent.ts'
import type { ReferenceCounter } from '../encoding/reference.ts'
import { RequestError } from '../smpp/errors.ts'
import { Pacer } from '../smpp/pacer.ts'
import type { DataSm, DeliverSm, Pdu, PduInput } from '../smpp/pdu.ts'
import { parseReceipt, type ReceiptOptions } from '../smpp/receipt.ts'
import type { Recorder } from '../smpp/recorder.ts'
import type { Session, SessionReply } from '../smpp/session.ts'
import { CommandStatus, statusInfo } from '../smpp/status.ts'
import type {
  BindStatus,
  CancelOutcome,
  CarrierEvents,
  CheckOutcome,
  ConfiguredCarrier,
  Content,
  ContentLayout,
  OutboundMessage,
  QueryOutcome,
  SegmentOutcome,
  SendOptions,
  Submission,
  SubmitMark,
  SubmittedSegment,
} from './carrier.ts'
import { Connections } from './connections.ts'
import { alertOf, inboundPartOf } from './inbound-mapping.ts'
import { checkLinks } from './link-check.ts'
import { layoutKeyOf, planFor, segmentsOf } from './segments.ts'
import { rawStatus, statusFailure } from './smpp-failure.ts'
import {
  cancelSm,
  outcomeOf,
  queryOutcomeOf,
  querySm,
  receiptOf,
  submitSm,
} from './smpp-mapping.ts'

/**
 * What is journalled waits no longer than this for its turn: enough for a commit, and little that
 * something more urgent has to wait for.
 */
const AHEAD_MS = 250
/** Waits are no shorter, so that messages are journalled several at a time. */
const LEAST_WAIT_MS = 20

/** How long the segments of one long message, sent by a partner one by one, follow each other. */
const SIBLINGS_MS = 300_000

/**
 * `ESME_RMSGQFUL` is of the account, and then the pace gives way; or of one destination, whose messages
 * must not hold up all others: so often in a row, with others taken in between, it is a refusal.
 */
const MAX_FULL_QUEUES = 3
const FULL_QUEUE = rawStatus(CommandStatus.ESME_RMSGQFUL)

/** The bit of `registered_delivery` without which delivery is not told, SMPP v3.4 section 5.2.17. */
const TOLD_OF_DELIVERY = 0x01

/** What an {@link SmppCarrier} is built with. */
export interface SmppCarrierOptions {
  readonly config: SmppCarrierConfig
  readonly events: CarrierEvents
  readonly references: ReferenceCounter
  readonly logger: Logger
  /** Keeps the latest PDUs of every bind. */
  readonly recorder?: Recorder
}

/** How often a message met a full queue while the carrier went on to take others. */
interface FullQueue {
  times: number
  /** What the carrier had taken when it last did. */
  takenBefore: number
}

/** A submit_sm on its way to a bind. */
interface SubmitRequest {
  readonly pick: () => Session | undefined
  readonly makePdu: () => PduInput
  readonly options: SendOptions
  /** As in the session's request options. */
  readonly together: number
  readonly fullQueue: FullQueue
}

/** A carrier reached over SMPP: its binds are kept open, messages spread over those that are. */
export class SmppCarrier implements ConfiguredCarrier<SmppCarrierConfig> {
  readonly name: string
  readonly type = 'smpp'
  readonly channel = 'sms'
  #config: SmppCarrierConfig
  #layoutKey: string
  readonly #events: CarrierEvents
  readonly #references: ReferenceCounter
  #receiptOptions: ReceiptOptions
  readonly #logger: Logger
  readonly #pacer: Pacer
  readonly #connections: Connections
  /** Segments that the carrier has accepted. */
  #taken = 0
  /** The bound sessions that send: every message looks at them, and they change seldom. */
  #sending: readonly Session[] = []
  readonly #siblingSessions = new Recent<Session>(10_000, SIBLINGS_MS)

  constructor({ config, events, references, logger, recorder }: SmppCarrierOptions) {
    this.name = config.name
    this.#config = config
    this.#layoutKey = layoutKeyOf(config)
    this.#receiptOptions = receiptOptionsOf(config)
    this.#events = events
    this.#references = references
    this.#logger = logger
    this.#pacer = new Pacer(config.segmentsPerSecond)
    this.#connections = new Connections({
      config,
      pacer: this.#pacer,
      logger,
      recorder,
      onRequest: (pdu) => this.#onRequest(pdu),
      onWrite: (tags) => events.onWrite?.(tags as readonly SubmitMark[]),
      onChange: (sending) => {
        this.#sending = sending
        events.onCapacityChange(this.name)
      },
    })
  }

  /** Its settings at present. */
  get config(): SmppCarrierConfig {
    return this.#config
  }

  get layoutKey(): string {
    return this.#layoutKey
  }

  get givesReceipts(): boolean {
    return (this.#config.registeredDelivery & TOLD_OF_DELIVERY) !== 0
  }

  get isUp(): boolean {
    return this.#sending.length > 0
  }

  get capacity(): number {
    return this.#sending.reduce((sum, session) => sum + session.windowSize, 0)
  }

  get segmentsPerSecond(): number {
    return this.#pacer.perSecond
  }

  get binds(): readonly BindStatus[] {
    return this.#connections.statuses
  }

  get lostConnections(): number {
    return this.#connections.lost
  }

  waitFor(segments: number, journalling: number, now: number): number {
    if (this.#pacer.isOpen) return 0
    let waiting = journalling
    for (const session of this.#sending) waiting += session.waitingCount
    const surplus = waiting + segments - Math.max(segments, this.#pacer.countIn(AHEAD_MS))
    if (surplus <= 0) return 0
    const waitMs = surplus / this.#pacer.countIn(1)
    return Math.ceil(Math.max(LEAST_WAIT_MS, waitMs, this.#pacer.pauseLeft(now)))
  }

  layOut(content: Content): ContentLayout {
    const planned = planFor(this.#config, content)
    if (!planned) return { encoding: content.text === '' ? 'binary' : 'latin1', segments: 1 }
    const { encoding, segmentCount } = planned.plan
    return { encoding, segments: segmentCount }
  }

  prepare(message: OutboundMessage): Submission {
    // All of a message goes by the same settings.
    const config = this.#config
    const planned = planFor(config, message)
    const reference =
      planned && planned.plan.segmentCount > 1
        ? this.#references.next(message.sender.value, message.to)
        : 0
    const segments = segmentsOf(config, message, planned, reference)
    let session: Session | undefined
    const siblings = siblingKey(message, message.from, message.to)
    const fullQueue: FullQueue = { times: 0, takenBefore: 0 }
    return {
      segmentCount: segments.length,
      replacements: planned?.replacements ?? [],
      send: (segment, now, options = {}) => {
        const octets = segments[segment - 1]
        if (!octets) return Promise.resolve({ kind: 'not_sent', reason: `no segment ${segment}` })
        // One bind for all segments of a message keeps them in order at the carrier.
        const pick = () => {
          if (!session?.takesRequests) session = this.#sessionFor(siblings)
          return session
        }
        const makePdu = () => submitSm(config, message, octets, segment, now)
        // Those that follow the first in the same turn share its places.
        const together = options.isWhole ? (segment === 1 ? segments.length : 0) : 1
        return this.#submit({ pick, makePdu, options, together, fullQueue })
      },
    }
  }

  /** With cancel_sm; carriers without it answer with an error, which is the reason then. */
  async cancel(segment: SubmittedSegment): Promise<CancelOutcome> {
    const session = this.#freestSession()
    if (!session) return { isCanceled: false, reason: 'no bind is up' }
    try {
      const { command_status: status } = await session.request(cancelSm(this.#config, segment))
      if (status === CommandStatus.ESME_ROK) return { isCanceled: true }
      const { name, meaning } = statusInfo(status)
      return { isCanceled: false, reason: `${name} (${meaning})` }
    } catch (error) {
      return { isCanceled: false, reason: messageOf(error) }
    }
  }

  start(): void {
    this.#connections.start()
  }

  /**
   * Goes by other settings of the carrier with the same name. What is about messages holds at once,
   * what is about connections as {@link Connections} say.
   */
  follow(config: SmppCarrierConfig): void {
    this.#config = config
    this.#layoutKey = layoutKeyOf(config)
    this.#receiptOptions = receiptOptionsOf(config)
    this.#pacer.agree(config.segmentsPerSecond)
    this.#connections.follow(config)
  }

  close(drainMs: number): Promise<void> {
    return this.#connections.close({ drainMs })
  }

  /** Closes; what is not written goes back to whoever has sent it, instead of being sent first. */
  handBack(drainMs: number): Promise<void> {
    return this.#connections.close({ drainMs, handsBack: true })
  }

  /** With query_sm. */
  async query(segment: SubmittedSegment): Promise<QueryOutcome> {
    const session = this.#freestSession()
    if (!session) return { kind: 'no_answer', reason: 'no bind is up' }
    try {
      return queryOutcomeOf(await session.request(querySm(this.#config, segment)))
    } catch (error) {
      return { kind: 'no_answer', reason: messageOf(error) }
    }
  }

  /** With enquire_link, on every bind. */
  check(timeoutMs: number): Promise<CheckOutcome> {
    return checkLinks(this.#connections.links, timeoutMs)
  }

  async #submit({
    pick,
    makePdu,
    options: { mark, onLate, again },
    together,
    fullQueue,
  }: SubmitRequest): Promise<SegmentOutcome> {
    for (let reason = 'no bind is up'; ; ) {
      const session = pick()
      if (!session) return { kind: 'not_sent', reason }
      try {
        const response = await session.request(makePdu(), {
          tag: mark,
          together,
          again,
          onLateResponse: onLate && ((late) => onLate(this.#outcome(late))),
        })
        const outcome = this.#outcome(response)
        if (outcome.kind === 'accepted') this.#taken++
        return outcome.kind === 'throttled' ? this.#afterThrottle(outcome, fullQueue) : outcome
      } catch (error) {
        reason = messageOf(error)
        if (!(error instanceof RequestError)) {
          return { kind: 'refused', code: 'not_encodable', rawCode: null, reason, class: 'message' }
        }
        if (error.written) {
          const isAlone = session.takesRequests
          return isAlone
            ? { kind: 'uncertain', reason }
            : { kind: 'uncertain', reason, isLost: true }
        }
        // It waited in a bind that has ended: another one takes it, or none is left.
        if (session.takesRequests) return { kind: 'not_sent', reason }
      }
    }
  }

  #afterThrottle(
    outcome: Extract<SegmentOutcome, { kind: 'throttled' }>,
    fullQueue: FullQueue,
  ): SegmentOutcome {
    if (outcome.rawCode !== FULL_QUEUE) return outcome
    if (fullQueue.times === 0 || this.#taken > fullQueue.takenBefore) fullQueue.times++
    fullQueue.takenBefore = this.#taken
    if (fullQueue.times < MAX_FULL_QUEUES) return outcome
    const { name, meaning } = statusInfo(CommandStatus.ESME_RMSGQFUL)
    const reason = `${name} (${meaning}), while it takes others`
    const code = statusFailure(CommandStatus.ESME_RMSGQFUL)
    return { kind: 'refused', code, rawCode: FULL_QUEUE, reason, class: 'passing' }
  }

  #outcome(response: Pdu): SegmentOutcome {
    if (response.command === 'submit_sm_resp') return outcomeOf(this.#config, response)
    // A generic_nack stands in for the response; it always refuses.
    return outcomeOf(this.#config, { ...response, command: 'submit_sm_resp', message_id: '' })
  }

  /** The bind that the other segments have taken, where they came one by one. */
  #sessionFor(siblings: string | undefined): Session | undefined {
    if (siblings === undefined) return this.#freestSession()
    const now = performance.now()
    const known = this.#siblingSessions.get(siblings, now)
    const session = known?.takesRequests ? known : this.#freestSession()
    if (session) this.#siblingSessions.set(siblings, session, now)
    return session
  }

  #freestSession(): Session | undefined {
    let freest: Session | undefined
    for (const session of this.#sending) {
      if (session.takesRequests && (!freest || roomIn(session) > roomIn(freest))) freest = session
    }
    return freest
  }

  #onRequest(pdu: Pdu): Promise<SessionReply> | SessionReply | undefined {
    switch (pdu.command) {
      case 'deliver_sm':
      case 'data_sm':
        return this.#onDelivery(pdu)
      case 'alert_notification':
        this.#events.onAlert?.(alertOf(pdu, this.name))
        return undefined
      default:
        return undefined
    }
  }

  async #onDelivery(pdu: DeliverSm | DataSm): Promise<SessionReply> {
    const receipt = parseReceipt(pdu, this.#receiptOptions)
    if (receipt?.id === null) {
      this.#logger.warn({ carrier: this.name, stat: receipt.stat }, 'a receipt has no message id')
    }
    try {
      await (receipt
        ? this.#events.onReceipt(receiptOf(this.#config, receipt, pdu))
        : this.#events.onInbound(inboundPartOf(pdu, this.name, this.#config.defaultAlphabet)))
      return {}
    } catch (error) {
      const what = receipt ? 'receipt' : 'message'
      this.#logger.error({ carrier: this.name, what, error: messageOf(error) }, 'put off')
      return { command_status: CommandStatus.ESME_RX_T_APPN }
    }
  }
}

/** Places in the window, less what waits for one. */
function roomIn(session: Session): number {
  return session.windowSize - session.pendingCount
}

function receiptOptionsOf(config: SmppCarrierConfig): ReceiptOptions {
  const { receiptHeuristic: heuristic, receiptIdFrom: idFrom, receiptStates: states } = config
  return { heuristic, idFrom, states }
}
