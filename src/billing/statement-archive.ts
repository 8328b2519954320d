import type { Store } from '../store/open.ts'
import { type Invoice, type Month, readInvoices } from './invoices.ts'
import { readStatements, type Statement, type StatementQuery } from './statements.ts'

/** Reads what a running gateway's tenants owe and have paid. */
export class StatementArchive {
  readonly #store: Store
  readonly #flush: () => Promise<void>

  /** @param flush - resolves when the ledger has everything that was done by now */
  constructor(store: Store, flush: () => Promise<void>) {
    this.#store = store
    this.#flush = flush
  }

  /** See {@link readStatements}. */
  async read(query: StatementQuery): Promise<Statement[]> {
    await this.#flush()
    return readStatements(this.#store, query)
  }

  /** See {@link readInvoices}. */
  async invoices(tenantId: string, month: Month): Promise<Invoice[]> {
    await this.#flush()
    return readInvoices(this.#store, tenantId, month)
  }
}
