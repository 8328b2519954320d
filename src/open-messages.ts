import type { Carrier } from './carriers/carrier.ts'
import { Archive } from './messages/archive.ts'
import { Cancellation } from './messages/cancellation.ts'
import type { CarrierHealth } from './messages/carrier-health.ts'
import { DeadLetters } from './messages/dead-letters.ts'
import { Dispatcher } from './messages/dispatcher.ts'
import { FailureJudge, type FailureJudgeOptions } from './messages/failure-judge.ts'
import { Fallbacks } from './messages/fallbacks.ts'
import { IdempotencyKeys } from './messages/idempotency.ts'
import { Intake, type IntakeOptions } from './messages/intake.ts'
import { Losses } from './messages/losses.ts'
import { MissingReceipts } from './messages/missing-receipts.ts'
import { Replacement } from './messages/replacement.ts'
import { Resolution } from './messages/resolution.ts'
import { StateQueries } from './messages/state-queries.ts'
import { Sweeper, type SweeperOptions } from './messages/sweeper.ts'
import { Withdrawal } from './messages/withdrawal.ts'
import type { Quality } from './routing/quality.ts'

/**
 * Messages that the journal may hold before the tables do: beyond the first number calls with many
 * messages wait, beyond the second intake refuses.
 */
const CROWDED_UNSAVED = 8_000
const MAX_UNSAVED = 50_000

/** What {@link openMessages} works with. */
export interface OpenMessagesOptions
  extends Omit<IntakeOptions, 'dispatcher' | 'isBehind' | 'isCrowded'>,
    Pick<SweeperOptions, 'store' | 'live' | 'tables' | 'node' | 'logger'>,
    FailureJudgeOptions {
  readonly carriers: ReadonlyMap<string, Carrier>
  readonly health: CarrierHealth
  readonly quality: Quality
}

/** The way of messages: in, to a carrier, and what may become of them there. */
export interface OpenMessages {
  readonly intake: Intake
  readonly dispatcher: Dispatcher
  /** Decides about what is lost by its receipts. */
  readonly losses: Losses
  readonly withdrawal: Withdrawal
  readonly cancellation: Cancellation
  readonly replacement: Replacement
  readonly deadLetters: DeadLetters
  readonly resolution: Resolution
  /** What senders were answered, by the keys of their requests. */
  readonly keys: IdempotencyKeys
  readonly archive: Archive
  /** Queues what another run has left; call it before a carrier is up. */
  resume(): Promise<void>
  /** Begins to look for what is due. */
  start(): void
  /** Looks for nothing any more; intake and dispatcher are closed before, each at its time. */
  close(): Promise<void>
}

/** Connects intake, dispatcher, and what looks after messages that wait. */
export function openMessages(options: OpenMessagesOptions): OpenMessages {
  const { carriers, routes, health, quality, policyFor, rules, store, live, tables } = options
  const judge = new FailureJudge(options)
  const missingReceipts = new MissingReceipts({ quality, routes, policyFor })
  const { lateAt } = missingReceipts
  const dispatcher = new Dispatcher({ ...options, health, lateAt, judge })
  const losses = new Losses({ ...options, judge, chooseNext: routes.choose, dispatcher })
  const intake = new Intake({
    ...options,
    dispatcher,
    isBehind: () => live.unsavedCount > MAX_UNSAVED,
    isCrowded: () => live.unsavedCount > CROWDED_UNSAVED,
  })
  const asksRules = () => rules.has('callback_failure')
  const queries = new StateQueries({ ...options, lateAt, asksRules })
  const sweeper = new Sweeper({ ...options, dispatcher, queries, missingReceipts, losses })
  const fallbacks = new Fallbacks({ ...options, intake })
  const withdrawal = new Withdrawal({ ...options, dispatcher })
  return {
    intake,
    dispatcher,
    losses,
    withdrawal,
    cancellation: new Cancellation({ ...options, withdrawal, carriers }),
    replacement: new Replacement({ ...options, withdrawal, intake, dispatcher }),
    deadLetters: new DeadLetters({ ...options, intake }),
    resolution: new Resolution({ ...options, dispatcher }),
    keys: new IdempotencyKeys(options),
    archive: new Archive(store, live, tables),
    async resume() {
      // What waited too long while nobody ran is not sent any more.
      await sweeper.sweep()
      await dispatcher.loadBacklogs()
    },
    start() {
      losses.start()
      sweeper.start()
      fallbacks.start()
    },
    async close() {
      await sweeper.close()
      await fallbacks.close()
      await queries.close()
      await losses.close()
    },
  }
}
