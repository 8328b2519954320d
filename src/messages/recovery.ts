import { and, asc, eq, gt, inArray, isNull } from 'drizzle-orm'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Store } from '../store/open.ts'
import { attempts } from '../store/schema/attempts.ts'
import { messages } from '../store/schema/messages.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { MovedEntry, SegmentAnswer } from './journal.ts'
import type { Message } from './message.ts'
import { moveTo, type Routes } from './routes.ts'
import { type MessageRow, messageFromRow } from './rows.ts'
import type { Spool } from './spool.ts'
import type { MessageStatus } from './states.ts'

/** Rows read at once. */
const PAGE = 1_000

/** What {@link recover} works with. */
export interface RecoveryParts {
  readonly store: Store
  readonly spool: Spool
  readonly routes: Routes
  readonly dispatcher: Dispatcher
  readonly carriers: ReadonlySet<string>
  readonly logger: Logger
  readonly clock: Clock
}

/** How many messages a start has found unfinished. */
export interface Recovered {
  /** Back in a carrier's queue. */
  readonly queued: number
  /** Written to a carrier without an answer when the last run ended: it may be there. */
  readonly uncertain: number
}

/**
 * Picks up what the last run left unfinished. Call it once, before new messages are taken.
 *
 * What was only queued is queued again. What was journalled as being sent may be with the carrier,
 * so it is not sent again.
 */
export async function recover(parts: RecoveryParts): Promise<Recovered> {
  const uncertain = await settleInterrupted(parts)
  const queued = await requeue(parts)
  if (queued + uncertain > 0) {
    parts.logger.info({ queued, uncertain }, 'took over the unfinished messages of the last run')
  }
  return { queued, uncertain }
}

async function settleInterrupted(parts: RecoveryParts): Promise<number> {
  const rows = await parts.store.db
    .select({ message: messages, segment: attempts.segment, state: attempts.state })
    .from(attempts)
    .innerJoin(messages, eq(messages.id, attempts.message_id))
    .where(
      and(isNull(messages.final_at), eq(messages.status, 'sending'), eq(attempts.state, 'sending')),
    )
    .orderBy(asc(messages.id), asc(attempts.segment))
  const interrupted = new Map<string, { message: Message; segments: number[] }>()
  for (const { message, segment } of rows) {
    const known = interrupted.get(message.id)
    if (known) known.segments.push(segment)
    else interrupted.set(message.id, { message: messageFromRow(message), segments: [segment] })
  }
  await Promise.all(
    [...interrupted.values()].map(({ message, segments }) =>
      parts.spool.write(uncertainEntry(message, segments, parts.clock())),
    ),
  )
  return interrupted.size
}

function uncertainEntry(message: Message, segments: readonly number[], at: Date): MovedEntry {
  const detail = `${message.carrier} had not answered when the gateway stopped: it may have the message, so it is not sent again`
  return {
    kind: 'moved',
    message,
    to: 'sending',
    at,
    carrier: message.carrier,
    attempt: message.attempt,
    answers: segments.map(
      (segment): SegmentAnswer => ({
        segment,
        state: 'uncertain',
        carrierMessageId: null,
        matchKey: null,
        commandStatus: null,
      }),
    ),
    events: [
      {
        messageId: message.id,
        at,
        type: 'uncertain',
        status: 'sending',
        carrier: message.carrier,
        attempt: message.attempt,
        detail: { reason: detail },
      },
    ],
    errorCode: 'outcome_unknown',
    errorDetail: detail,
  }
}

async function requeue(parts: RecoveryParts): Promise<number> {
  const waiting: readonly MessageStatus[] = ['accepted', 'queued']
  let count = 0
  let last = '00000000-0000-0000-0000-000000000000'
  for (;;) {
    const rows: MessageRow[] = await parts.store.db
      .select()
      .from(messages)
      .where(
        and(
          isNull(messages.final_at),
          inArray(messages.status, [...waiting]),
          gt(messages.id, last),
        ),
      )
      .orderBy(asc(messages.id))
      .limit(PAGE)
    for (const row of rows) await requeueOne(parts, messageFromRow(row))
    count += rows.length
    const end = rows.at(-1)
    if (!end || rows.length < PAGE) return count
    last = end.id
  }
}

/** Queues a message where it was; a carrier that is no longer configured gives way to another. */
async function requeueOne(parts: RecoveryParts, message: Message): Promise<void> {
  if (!parts.carriers.has(message.carrier)) {
    const at = parts.clock()
    const next = parts.routes.choose(message, new Set(), at)
    if (!next) {
      parts.logger.error(
        { messageId: message.id, carrier: message.carrier },
        'no configured carrier takes this message any more, it waits',
      )
      return
    }
    await parts.spool.write(moveTo(message, next, at))
    message.carrier = next.carrier
  }
  parts.dispatcher.enqueue(message)
}
