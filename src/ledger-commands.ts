import { checkLedger, type LedgerFault } from './billing/ledger-check.ts'
import { checkDays } from './billing/ledger-days-check.ts'
import { checkMessages } from './messages/ledger-message-check.ts'
import { checkVolumes } from './messages/volume-check.ts'
import { openForReading, type StoreOptions } from './store/open.ts'

/** How the command speaks to its caller. */
export interface LedgerCommand {
  readonly say: (line: string) => void
  readonly complain: (line: string) => void
}

/**
 * Proves from the database alone that money is conserved: the lines are those that were written, the accounts are
 * their sums, every message is charged as its state says, statements and invoices are sums of the same lines, and tiers
 * go by the volumes that the messages have.
 * True when all of it holds.
 */
export async function proveLedger(
  { say, complain }: LedgerCommand,
  options: StoreOptions,
): Promise<boolean> {
  const store = await openForReading(options)
  try {
    // One moment of it, whatever is written meanwhile.
    const { ledger, messages, days, volumes } = await store.db.transaction(
      async (tx) => ({
        ledger: await checkLedger(store, tx),
        messages: await checkMessages(store, tx),
        days: await checkDays(store, tx),
        volumes: await checkVolumes(store, tx),
      }),
      { isolationLevel: 'repeatable read', accessMode: 'read only' },
    )
    const ofMessages = messages.fault ? [messages.fault] : []
    const faults: LedgerFault[] = [...ledger.faults, ...ofMessages, ...days, ...volumes]
    for (const { where, what } of faults) complain(`${where}: ${what}`)
    if (faults.length > 0) return false
    say(
      `the ledger is in order: ${ledger.lines} lines in ${ledger.batches} batches, ` +
        `${messages.messages} messages`,
    )
    return true
  } finally {
    await store.close()
  }
}
