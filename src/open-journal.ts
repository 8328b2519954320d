import type { Ledger } from './billing/ledger.ts'
import type { Clock } from './core/clock.ts'
import type { Logger } from './core/logger.ts'
import type { Effects, JournalEntry } from './messages/journal.ts'
import { LiveMessages } from './messages/live.ts'
import { ReceiptMatcher } from './messages/receipt-matcher.ts'
import { type Recovered, recover } from './messages/recovery.ts'
import type { PolicyFor } from './messages/settle.ts'
import { Spool } from './messages/spool.ts'
import { TableWriter } from './messages/table-writer.ts'
import { type IntermediateFor, type RecipientsFor, Tracker } from './messages/tracker.ts'
import { WrittenMarks } from './messages/written-marks.ts'
import type { Store } from './store/open.ts'

/** What {@link openJournal} works with. */
export interface OpenJournalOptions {
  readonly store: Store
  /** Gets its lines with the rows of the messages. */
  readonly ledger: Ledger
  /** The name of this run, by which its journal is told from that of others. */
  readonly node: string
  /** Where the marks of what was written to carriers stand, and how many of them there are. */
  readonly dataDir: string
  readonly marksKept: number
  readonly recipientsFor: RecipientsFor
  readonly intermediateFor: IntermediateFor
  /** What follows from entries that were applied, other than in the tables. */
  readonly onEffects: (effects: Effects) => void
  /** Told of every commit, after it was applied. */
  readonly onCommitted: (batch: readonly JournalEntry[]) => void
  readonly logger: Logger
  readonly clock: Clock
}

/** The journal of messages, their state in memory, and the tables that follow it. */
export interface OpenJournal {
  readonly live: LiveMessages
  readonly spool: Spool
  readonly tables: TableWriter
  /** Undefined where no marks can be kept. */
  readonly marks: WrittenMarks | undefined
  /** Applies what earlier runs have left; call it before anything is journalled. */
  recover(policyFor: PolicyFor): Promise<Recovered>
  /** Commits what waits and writes the tables; call it when nobody journals any more. */
  close(): Promise<void>
}

/** Connects the journal with the state of messages, and that with the tables. */
export function openJournal(options: OpenJournalOptions): OpenJournal {
  const { store, ledger, node, dataDir, onCommitted, logger, clock } = options
  const live = new LiveMessages()
  const tracker = new Tracker({ ...options, live })
  const spool = new Spool({ store, logger, node, onCommit })
  const committedSeq = () => spool.committedSeq
  const tables = new TableWriter({ store, live, ledger, node, logger, committedSeq })
  const matcher = new ReceiptMatcher({ store, live, tracker, onEffects, logger })
  const marks = WrittenMarks.begin(dataDir, node, options.marksKept, logger)

  function onCommit(batch: readonly JournalEntry[]): void {
    onEffects(tracker.apply(batch))
    tables.wake()
    onCommitted(batch)
  }

  function onEffects(effects: Effects): void {
    options.onEffects(effects)
    matcher.offer(effects.unmatched)
  }

  return {
    live,
    spool,
    tables,
    marks,
    async recover(policyFor) {
      const parts = { store, node, spool, live, tracker, tables, onEffects, logger, clock }
      const recovered = await recover({ ...parts, policyFor, marksFolder: dataDir })
      marks?.complete()
      return recovered
    },
    async close() {
      await matcher.close()
      await spool.close()
      await tables.close()
      marks?.close()
    },
  }
}
