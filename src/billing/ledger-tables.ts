import { sql } from 'drizzle-orm'
import type { Store } from '../store/open.ts'
import type { AccountSums } from './account-sums.ts'
import { CHAIN_START, type ChainHead } from './ledger-chain.ts'

/** The latest batch of the ledger. */
export async function loadChainHead(store: Store): Promise<ChainHead> {
  const [row] = await store.query<{ number: number | string; hash: string }>(
    sql`select number, hash from ledger_batches order by number desc limit 1`,
  )
  return row ? { number: Number(row.number), hash: row.hash } : CHAIN_START
}

type SumsRow = { readonly [Key in keyof AccountSums]: AccountSums[Key] | string }

/** What the accounts of all tenants stand at. */
export async function loadAccounts(store: Store): Promise<AccountSums[]> {
  const rows = await store.query<SumsRow>(
    sql`select tenant_id as "tenantId", currency, balance, reserved, revenue, tax, funding,
      is_funded as "isFunded" from ledger_accounts`,
  )
  return rows.map((row) => ({
    tenantId: String(row.tenantId),
    currency: String(row.currency),
    balance: BigInt(row.balance),
    reserved: BigInt(row.reserved),
    revenue: BigInt(row.revenue),
    tax: BigInt(row.tax),
    funding: BigInt(row.funding),
    isFunded: row.isFunded === true,
  }))
}
