import type { Carrier } from '../../src/carriers/carrier.ts'
import { DEFAULT_POLICIES } from '../../src/config/policies.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { FailureRule } from '../../src/core/failure-rule.ts'
import type { ClassPolicy } from '../../src/core/policy.ts'
import type { CarrierOutcome } from '../../src/messages/carrier-outcome.ts'
import type { Claimer } from '../../src/messages/claims.ts'
import { Dispatcher } from '../../src/messages/dispatcher.ts'
import { FailureJudge, type RuleAlert } from '../../src/messages/failure-judge.ts'
import { Intake, type IntakeOptions } from '../../src/messages/intake.ts'
import { Losses } from '../../src/messages/losses.ts'
import type { MessageRequest } from '../../src/messages/message-request.ts'
import { MissingReceipts } from '../../src/messages/missing-receipts.ts'
import { recover } from '../../src/messages/recovery.ts'
import { type RoutedCarrier, Routes } from '../../src/messages/routes.ts'
import type { PolicyFor } from '../../src/messages/settle.ts'
import type { Spool } from '../../src/messages/spool.ts'
import { Sweeper } from '../../src/messages/sweeper.ts'
import { FailureRules } from '../../src/routing/failure-rules.ts'
import type { Store } from '../../src/store/open.ts'
import { Journal } from './builders.ts'
import { keepingLogger } from './keeping-logger.ts'

/** A carrier that charges the same everywhere. */
export function priced(
  carrier: Carrier,
  priceMicros: bigint,
  prefixes: readonly string[] = [''],
): RoutedCarrier {
  const rates = prefixes.map((prefix) => ({
    prefix,
    network: null,
    priceMicros,
    currency: 'EUR',
    effectiveFromMs: 0,
  }))
  return { carrier, rates }
}

/** The default policies, with a resend where a test asks for it. */
export function testPolicies(more: Partial<ClassPolicy> = {}): PolicyFor {
  return (trafficClass) => ({ ...DEFAULT_POLICIES[trafficClass], ...more })
}

/** What differs from a gateway's defaults. */
export interface HarnessOptions {
  readonly maxQueued?: number
  readonly laneCapacity?: number
  readonly memoryCapacity?: number
  readonly policy?: Partial<ClassPolicy>
  /** Failure rules; none unless given. */
  readonly rules?: readonly FailureRule[]
  /** What intake knows of numbers and senders. */
  readonly numbers?: Pick<IntakeOptions, 'networks' | 'destinations' | 'senderRules'>
}

/** Who claims messages for a journal, by the default policies. */
export function claimerOf(journal: Journal, more: Partial<Claimer> = {}): Claimer {
  const { store, node, live, spool } = journal
  const policyFor = testPolicies()
  return { store, node, live, spool, policyFor, clock: () => new Date(), ...more }
}

/** Everything between a front door and the carriers; the first carrier is the cheapest. */
export class Harness {
  readonly journal: Journal
  readonly spool: Spool
  readonly routes: Routes
  readonly dispatcher: Dispatcher
  readonly intake: Intake
  readonly sweeper: Sweeper
  readonly losses: Losses
  readonly alerts: RuleAlert[] = []
  readonly logger = keepingLogger()
  /** What receipts have said of carriers. */
  readonly outcomes: CarrierOutcome[] = []
  readonly clock: Clock
  now: Date | undefined
  /** What intake is told about the tables. */
  isCrowded = false
  readonly #waiters = new Set<() => void>()

  constructor(journal: Journal, carriers: readonly Carrier[], options: HarnessOptions = {}) {
    const { policy, rules = [], numbers = {}, ...more } = options
    this.journal = journal
    this.clock = () => this.now ?? new Date()
    // The entries' promises come first, then what they set going.
    journal.onWritten = () => setImmediate(() => this.check())
    const { store, live, tables, spool } = journal
    this.spool = spool
    const { logger, clock } = this
    this.routes = new Routes(
      { carriers: carriers.map((carrier, index) => priced(carrier, BigInt(index + 1) * 10_000n)) },
      clock,
      { destinations: numbers.destinations },
    )
    const { routes } = this
    journal.onOutcome = (outcome) => {
      this.outcomes.push(outcome)
      routes.noteOutcome(outcome)
    }
    const policyFor = testPolicies(policy)
    const missingReceipts = new MissingReceipts({ quality: routes.quality, routes, policyFor })
    const { lateAt } = missingReceipts
    const work = { store, spool, live, tables, node: journal.node, policyFor, logger, clock }
    const judge = new FailureJudge({
      rules: new FailureRules(rules),
      onAlert: (alert) => this.alerts.push(alert),
    })
    this.dispatcher = new Dispatcher({
      ...work,
      judge,
      carriers: new Map(carriers.map((carrier) => [carrier.name, carrier])),
      routes,
      lateAt,
      // No jitter: a wait is as long as the policy's bound.
      random: () => 0.999,
      ...more,
    })
    const { dispatcher } = this
    this.intake = new Intake({
      routes,
      spool,
      dispatcher,
      policyFor,
      isBehind: () => false,
      isCrowded: () => this.isCrowded,
      checkCallbackUrl: () => {},
      ...numbers,
      clock,
    })
    this.losses = new Losses({ ...work, judge, chooseNext: routes.choose, dispatcher })
    this.sweeper = new Sweeper({ ...work, dispatcher, missingReceipts, losses: this.losses })
    journal.onUndecided = (lost) => this.losses.offer(lost)
    this.losses.start()
  }

  /** A harness on a database without an earlier run. */
  static async open(
    store: Store,
    carriers: readonly Carrier[],
    options: HarnessOptions & { readonly gatherMs?: number } = {},
  ): Promise<Harness> {
    const { gatherMs = 20, ...more } = options
    return new Harness(await Journal.open(store, { gatherMs }), carriers, more)
  }

  /** Resolves when the dispatcher holds nothing any more, and the tables say so. */
  async idle(): Promise<void> {
    await this.until(() => this.dispatcher.heldCount === 0)
    await this.journal.settled()
  }

  /** Resolves when the condition holds; it is looked at after every commit and {@link check}. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!condition()) return
        this.#waiters.delete(look)
        resolve()
      }
      this.#waiters.add(look)
      look()
    })
  }

  check(): void {
    for (const look of this.#waiters) look()
  }

  async close(): Promise<void> {
    await this.dispatcher.stop(0)
    await this.dispatcher.drained()
    await this.sweeper.close()
    await this.losses.close()
    await this.journal.close()
  }
}

/** Takes over what the last run has left, as a start does. */
export async function startOver(
  store: Store,
  clock: Clock,
  policy: Partial<ClassPolicy> = {},
): Promise<Journal> {
  const next = new Journal(store, { node: 'next' })
  const { spool, live, tracker, tables, node, logger } = next
  await recover({
    ...{ store, spool, live, tracker, tables, node, logger, clock },
    policyFor: testPolicies(policy),
    onEffects: (effects) => next.onEffects(effects),
  })
  await next.settled()
  return next
}

/** A request of a front door. */
export function request(more: Partial<MessageRequest> = {}): MessageRequest {
  return {
    source: 'rest',
    partner: null,
    to: '+447700900123',
    from: 'ACME',
    text: 'Hello',
    raw: null,
    passThrough: null,
    registeredDelivery: 0,
    encoding: 'auto',
    trafficClass: 'transactional',
    tags: [],
    expectsReply: false,
    maxSegments: null,
    clientReference: null,
    callbackUrl: null,
    sendAt: null,
    validitySeconds: null,
    ...more,
  }
}
