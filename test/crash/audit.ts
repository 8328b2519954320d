import type { CarrierLine } from './carrier-journal.ts'
import { type Counts, noCounts } from './counts.ts'
import type { ShownMessage, Submission, Told } from './records.ts'
import { keyOf, roundOf, tokenIn } from './token.ts'

/** Everything that anybody remembers after a run. */
export interface Evidence {
  readonly submissions: readonly Submission[]
  /** As the API shows them at the end, with their timelines; every message it lists. */
  readonly messages: readonly ShownMessage[]
  /** Lines of all carriers. */
  readonly carriers: readonly CarrierLine[]
  readonly told: readonly Told[]
  /** Price of one segment in micro-units: every rate that holds for a number's prefix. */
  readonly rates: Readonly<Record<string, readonly bigint[]>>
  /** Messages over HTTP were to be told of at a webhook. */
  readonly callbacks: boolean
  /** Classes whose policy for uncertain outcomes is to send again. */
  readonly resends: readonly string[]
}

/** What was found: counts for each round in which messages were submitted, and examples. */
export interface Findings {
  readonly rounds: ReadonlyMap<number, Counts>
  readonly total: Counts
  /** Sum of the prices of all messages, and of segments x rate, in micro-units. */
  readonly money: { readonly charged: bigint; readonly expected: bigint }
  /** Up to ten for each count that should be 0. */
  readonly examples: Readonly<Record<string, readonly string[]>>
}

const EXAMPLES = 10
const STATUS_OF_STAT: Readonly<Record<string, string>> = {
  DELIVRD: 'delivered',
  UNDELIV: 'undelivered',
  EXPIRED: 'expired',
}
const STAT_OF_STATUS: Readonly<Record<string, string>> = {
  delivered: 'DELIVRD',
  undelivered: 'UNDELIV',
  expired: 'EXPIRED',
  failed: 'REJECTD',
  canceled: 'DELETED',
  unconfirmed: 'UNKNOWN',
}
/** Ends that no carrier needs to have seen the message for. */
const ENDS_WITHOUT_CARRIER = new Set(['failed', 'expired', 'canceled'])

interface AtCarrier {
  /** How often each segment was taken. */
  readonly parts: Map<number, number>
  readonly ids: string[]
}

/** Compares what the client, the carriers and the senders remember with what the gateway says. */
export function audit(evidence: Evidence): Findings {
  return new Audit(evidence).run()
}

class Audit {
  readonly #evidence: Evidence
  readonly #rounds = new Map<number, Counts>()
  readonly #examples: { [name: string]: string[] } = {}
  readonly #submits = new Map<string, AtCarrier>()
  /** Final receipts that the gateway has taken over, and that were sent at all, by carrier's id. */
  readonly #taken = new Map<string, string>()
  readonly #sent = new Map<string, string>()
  #charged = 0n
  #expected = 0n

  constructor(evidence: Evidence) {
    this.#evidence = evidence
  }

  run(): Findings {
    const { submissions, messages } = this.#evidence
    this.#readCarriers()
    const byKey = new Map(submissions.map((one) => [keyOf(one.token, one.to), one]))
    this.#checkAcceptances(new Map(messages.map((message) => [message.id, message])))
    const keys = new Set<string>()
    for (const message of messages) {
      const token = tokenIn(message.text)
      if (token === undefined) continue
      const key = keyOf(token, message.to)
      keys.add(key)
      this.#checkMessage(message, token, key, byKey.get(key))
    }
    for (const [key, { parts }] of this.#submits) {
      const round = roundOf(key)
      const doubled = [...parts.values()].reduce((sum, count) => sum + count - 1, 0)
      const mayResend = this.#evidence.resends.includes(byKey.get(key)?.trafficClass ?? '')
      if (doubled > 0) this.#count(round, mayResend ? 'resent' : 'doubled', key, doubled)
      if (!keys.has(key)) this.#count(round, 'strangers', key)
    }
    this.#checkTold(byKey)
    const total = noCounts()
    for (const counts of this.#rounds.values()) {
      for (const name of Object.keys(total) as (keyof Counts)[]) total[name] += counts[name]
    }
    return {
      rounds: this.#rounds,
      total,
      money: { charged: this.#charged, expected: this.#expected },
      examples: this.#examples,
    }
  }

  #count(round: number, name: keyof Counts, example?: string, by = 1): void {
    const counts = this.#rounds.get(round) ?? noCounts()
    this.#rounds.set(round, counts)
    counts[name] += by
    if (example === undefined) return
    const examples = this.#examples[name] ?? []
    this.#examples[name] = examples
    if (examples.length < EXAMPLES) examples.push(example)
  }

  #readCarriers(): void {
    for (const line of this.#evidence.carriers) {
      if (line.kind === 'submit') {
        if (line.id === null || line.token === undefined) continue
        const key = keyOf(line.token, line.to)
        const known: AtCarrier = this.#submits.get(key) ?? { parts: new Map(), ids: [] }
        this.#submits.set(key, known)
        known.parts.set(line.part, (known.parts.get(line.part) ?? 0) + 1)
        known.ids.push(line.id)
        this.#count(roundOf(key), 'submitted')
      } else if (line.stat in STATUS_OF_STAT) {
        this.#sent.set(line.id, line.stat)
        if (line.kind === 'answered' && line.status === 0) this.#taken.set(line.id, line.stat)
      }
    }
  }

  #checkAcceptances(messages: ReadonlyMap<string, ShownMessage>): void {
    for (const { round, outcome, id, token, to, price } of this.#evidence.submissions) {
      if (outcome === 'unanswered' || outcome === 'pending') this.#count(round, 'unanswered')
      if (outcome === 'refused') this.#count(round, 'refused')
      if (outcome !== 'accepted') continue
      this.#count(round, 'accepted')
      const message = messages.get(id ?? '')
      const example = `${id} ${keyOf(token, to)}`
      if (!message) this.#count(round, 'vanished', example)
      else if (tokenIn(message.text) !== token || message.to !== to) {
        this.#count(round, 'mixedUp', example)
      } else if (price && price.amount !== message.price.amount) {
        this.#count(round, 'priceOff', `${example}: ${price.amount} was told`)
      }
    }
  }

  #checkMessage(
    message: ShownMessage,
    token: string,
    key: string,
    submission: Submission | undefined,
  ): void {
    const round = roundOf(token)
    const example = `${message.id} ${key} ${message.status}`
    if (submission?.id === undefined) this.#count(round, 'unannounced')
    this.#checkPrice(message, round, example)
    const atCarrier = this.#submits.get(key)
    const isWhole = atCarrier !== undefined && atCarrier.parts.size >= message.segments
    if (isUncertain(message)) {
      this.#count(round, 'uncertain')
      if (!message.is_final) this.#count(round, 'unsettled', example)
      else if (message.status === 'unconfirmed') this.#count(round, 'unconfirmed')
      if (!atCarrier) this.#count(round, 'uncertainNotSent')
      return
    }
    if (!message.is_final) this.#count(round, 'open', example)
    if (message.status === 'failed') {
      this.#count(round, atCarrier ? 'halfSent' : 'failed', example)
      return
    }
    if (!isWhole && !ENDS_WITHOUT_CARRIER.has(message.status) && message.is_final) {
      this.#count(round, 'lost', example)
    }
    if (atCarrier) this.#checkState(message, atCarrier, round, example)
  }

  /** The state against the receipts: of every segment, as the carriers have sent them. */
  #checkState(message: ShownMessage, { ids }: AtCarrier, round: number, example: string): void {
    const settledBy = (receipts: ReadonlyMap<string, string>) => {
      const stats = ids.map((id) => receipts.get(id))
      return stats.every((stat) => stat !== undefined) ? STATUS_OF_STAT[stats[0] ?? ''] : undefined
    }
    const taken = ids.length >= message.segments ? settledBy(this.#taken) : undefined
    if (taken !== undefined && message.status !== taken) {
      const isOpen = !message.is_final || message.status === 'unconfirmed'
      this.#count(round, isOpen ? 'unmatched' : 'wrong', `${example}, receipts: ${taken}`)
    } else if (message.status === 'delivered' && settledBy(this.#sent) !== 'delivered') {
      this.#count(round, 'wrong', `${example} without receipts`)
    }
  }

  #checkPrice({ to, segments, price }: ShownMessage, round: number, example: string): void {
    const [, rates = []] =
      Object.entries(this.#evidence.rates).find(([prefix]) => to.startsWith(`+${prefix}`)) ?? []
    const charged = microsOf(price.amount)
    const allowed = rates.map((rate) => rate * BigInt(segments))
    const isRight = allowed.includes(charged)
    this.#charged += charged
    this.#expected += isRight ? charged : (allowed[0] ?? 0n)
    if (!isRight) this.#count(round, 'priceOff', `${example}: ${price.amount} is charged`)
  }

  #checkTold(byKey: ReadonlyMap<string, Submission>): void {
    const told = new Map<string, Told[]>()
    for (const one of this.#evidence.told) {
      const known = told.get(one.messageId)
      if (known) known.push(one)
      else told.set(one.messageId, [one])
    }
    for (const message of this.#evidence.messages) {
      const key = keyOf(tokenIn(message.text) ?? '', message.to)
      const submission = byKey.get(key)
      if (!submission) continue
      const heard = told.get(message.id) ?? []
      if (submission.via === 'smpp') this.#checkReceipts(message, submission.round, heard)
      else if (this.#evidence.callbacks) this.#checkEvents(message, submission.round, heard)
    }
  }

  #checkReceipts(message: ShownMessage, round: number, heard: readonly Told[]): void {
    if (!message.is_final) return
    const expected = STAT_OF_STATUS[message.status]
    const acknowledged = heard.filter(({ isAcknowledged }) => isAcknowledged)
    const example = `${message.id} ${message.status}`
    if (acknowledged.length === 0) this.#count(round, 'receiptMissing', example)
    if (acknowledged.length > 1) {
      this.#count(round, 'receiptRepeated', undefined, acknowledged.length - 1)
    }
    const other = heard.find(({ event }) => event !== expected)
    if (other) this.#count(round, 'receiptWrong', `${example} but ${other.event}`)
  }

  #checkEvents(message: ShownMessage, round: number, heard: readonly Told[]): void {
    const example = `${message.id} ${message.status}`
    if (heard.some(({ isGenuine }) => isGenuine === false)) {
      this.#count(round, 'eventForged', example)
    }
    const idsOf = new Map<string, Set<string>>()
    const acknowledged = new Set<string>()
    for (const { event, eventId, isAcknowledged } of heard) {
      idsOf.set(event, (idsOf.get(event) ?? new Set()).add(eventId))
      if (!isAcknowledged) continue
      if (acknowledged.has(eventId)) this.#count(round, 'eventRepeated')
      acknowledged.add(eventId)
    }
    for (const [event, ids] of idsOf) {
      if (ids.size > 1) this.#count(round, 'eventDoubled', `${example} ${event}`, ids.size - 1)
    }
    if (!message.is_final) return
    const end = `message.${message.status}`
    if (!heard.some((one) => one.event === end && one.isAcknowledged)) {
      this.#count(round, 'eventMissing', example)
    }
    const firstEnd = heard.findIndex(({ event }) => event === end)
    const known = new Set(heard.slice(0, firstEnd + 1).map(({ event }) => event))
    const late = heard.slice(firstEnd + 1).find(({ event }) => !known.has(event))
    if (firstEnd >= 0 && late) this.#count(round, 'eventLate', `${example}, then ${late.event}`)
  }
}

/** True when the gateway says that it did not know whether a carrier had the message. */
function isUncertain({ error, timeline = [] }: ShownMessage): boolean {
  return (
    error?.code === 'outcome_unknown' ||
    timeline.some(({ type, code }) => type === 'uncertain' || code === 'outcome_unknown')
  )
}

/** A decimal amount in millionths. */
export function microsOf(amount: string): bigint {
  const [whole = '0', fraction = ''] = amount.split('.')
  return BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(6, '0').slice(0, 6))
}
