import { isoInstant } from '../store/batch.ts'
import type { TimelineEvent } from './journal.ts'

/** One line of a timeline, as a reader gets it. */
export interface TimelineLine {
  readonly at: Date
  /** See `EventType` in `messages/journal.ts`. */
  readonly type: string
  /** Status after the event. */
  readonly status: string
  readonly carrier: string | null
  readonly attempt: number | null
  readonly segment: number | null
  /** Normalised code, and the carrier's own. */
  readonly code: string | null
  readonly raw_code: string | null
  readonly detail: unknown
}

/** A line as a row of `events` holds it: what it has no value for is left out. */
interface StoredLine extends Partial<Omit<TimelineLine, 'at'>> {
  readonly at: string
  readonly type: string
  readonly status: string
}

/** What a row of `events` holds of things that have happened. */
export function storedLines(events: readonly TimelineEvent[]): object[] {
  return events.map(({ at, type, status, carrier, attempt, segment, code, rawCode, detail }) => ({
    at: isoInstant(at),
    type,
    status,
    carrier,
    attempt,
    segment,
    code,
    raw_code: rawCode,
    detail,
  }))
}

/** The lines of rows of `events`, in the order of the rows. */
export function timelineOf(rows: readonly { readonly lines: unknown }[]): TimelineLine[] {
  return rows.flatMap(({ lines }) =>
    (lines as StoredLine[]).map((line) => ({
      at: new Date(line.at),
      type: line.type,
      status: line.status,
      carrier: line.carrier ?? null,
      attempt: line.attempt ?? null,
      segment: line.segment ?? null,
      code: line.code ?? null,
      raw_code: line.raw_code ?? null,
      detail: line.detail ?? null,
    })),
  )
}
