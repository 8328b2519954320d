import type { FaultRule, FaultScript } from './faults.ts'
import type { IdForm } from './message-book.ts'
import type { ReceivedSubmit } from './submit-log.ts'

/** What a simulated carrier logs through; the gateway's logger fits. */
export interface SandboxLog {
  readonly info: (fields: Record<string, unknown>, message: string) => void
  readonly warn: (fields: Record<string, unknown>, message: string) => void
}

/**
 * What a hook may do instead of the ordinary outcome.
 *
 * `isAccepted` true: the message is taken and its receipts come although nobody was told.
 */
export type SubmitAction =
  | { readonly answer: 'status'; readonly status: number }
  | { readonly answer: 'none' | 'drop'; readonly isAccepted?: boolean }
  /** The message is taken; the connection ends within the response, or right after it. */
  | { readonly answer: 'half' | 'last' }

/** A simulated carrier's settings. */
export interface SandboxSmscOptions {
  /** Name in `system_id` of bind responses and in logs, up to 15 characters. */
  readonly name: string
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default 0: any free port. */
  readonly port?: number
  readonly systemId: string
  readonly password: string
  /** Milliseconds from a submit to its response; default 0. */
  readonly submitDelayMs?: number
  /** Milliseconds from the response to the receipt, least and most; default 50 to 150. */
  readonly receiptDelayMs?: readonly [min: number, max: number]
  /** Share of ordinary messages that is taken, 0 to 1; default 1. Others get ESME_RSUBMITFAIL. */
  readonly acceptRate?: number
  /** Another seed refuses other messages; default 1. */
  readonly seed?: number
  /** What goes wrong with which submits; default nothing. `SandboxSmsc.setFaults` changes it. */
  readonly faults?: readonly FaultRule[]
  /** What goes wrong at several carriers that count together; after {@link faults}. Default nothing. */
  readonly commonFaults?: FaultScript
  /** Default `decimal`. */
  readonly idForm?: IdForm
  /** File that keeps unacknowledged deliveries over a restart; default none. */
  readonly stateFile?: string
  /** Looks at every submit first; undefined leaves it to the ordinary outcome. */
  readonly onSubmit?: (submit: ReceivedSubmit) => SubmitAction | undefined
  /** How many received submits are kept for `SandboxSmsc.submits()`; default 0. */
  readonly keepSubmits?: number
  /** Milliseconds after which an unanswered `deliver_sm` closes the session; default 30,000. */
  readonly deliverTimeoutMs?: number
  readonly log?: SandboxLog
}

/** What a simulated carrier has done, as it knows it to be. */
export interface TrueCounts {
  /** Segments received. */
  readonly submits: number
  /** Those it took. */
  readonly accepted: number
  /** Those that reached their handset. */
  readonly delivered: number
  /** Those it told to be delivered although they were not. */
  readonly faked: number
}

/** A message from a subscriber. */
export interface MoMessage {
  /** International digits. */
  readonly from: string
  readonly to: string
  readonly text: string
}
