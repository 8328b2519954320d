import type { CommandName } from './pdu.ts'

/** How many PDUs of each command. */
export type CommandCounts = Partial<Record<CommandName, number>>

/**
 * What one session has done so far. The figures reconcile:
 *
 * - `octetsIn` = octets of the PDUs in `pdusIn` + those of PDUs still waiting or incomplete
 * - `requestsSent` = `responsesMatched` + `requestsTimedOut` + `requestsFailed` + those in the window
 * - `requestsReceived` = `repliesSent` + `repliesDropped` + `requestsUnanswered` + those pending
 */
export interface SessionCounters {
  readonly octetsIn: number
  readonly octetsOut: number
  readonly pdusIn: number
  readonly pdusOut: number
  /** PDUs by command; undecodable ones are only in `pdusIn` and `pduErrors`. */
  readonly receivedByCommand: Readonly<CommandCounts>
  readonly sentByCommand: Readonly<CommandCounts>
  /** Requests of ours that were put on the wire, `enquire_link` and `unbind` included. */
  readonly requestsSent: number
  readonly responsesMatched: number
  /** Responses after their timeout that somebody still wanted. */
  readonly responsesLate: number
  /** Responses nobody waited for, other ones after their timeout included. */
  readonly responsesUnmatched: number
  readonly requestsTimedOut: number
  /** Requests on the wire when the session ended, or answered by something unreadable. */
  readonly requestsFailed: number
  /** Requests of the peer, undecodable ones included. */
  readonly requestsReceived: number
  readonly repliesSent: number
  /** Answers that came when the session was over or the peer had stopped reading. */
  readonly repliesDropped: number
  /** Requests of the peer that have no response: `outbind` and `alert_notification`. */
  readonly requestsUnanswered: number
  /** PDUs with a whole frame that could not be decoded. */
  readonly pduErrors: number
}

/** The counters of a running session, to be counted up. */
export type MutableCounters = {
  -readonly [Name in keyof SessionCounters]: SessionCounters[Name] extends number
    ? number
    : CommandCounts
}

/** Counters that stand at zero. */
export function zeroCounters(): MutableCounters {
  return {
    octetsIn: 0,
    octetsOut: 0,
    pdusIn: 0,
    pdusOut: 0,
    receivedByCommand: {},
    sentByCommand: {},
    requestsSent: 0,
    responsesMatched: 0,
    responsesLate: 0,
    responsesUnmatched: 0,
    requestsTimedOut: 0,
    requestsFailed: 0,
    requestsReceived: 0,
    repliesSent: 0,
    repliesDropped: 0,
    requestsUnanswered: 0,
    pduErrors: 0,
  }
}

/** Adds one PDU of a command. */
export function countCommand(counts: CommandCounts, command: CommandName): void {
  counts[command] = (counts[command] ?? 0) + 1
}
