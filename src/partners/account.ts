import type { Tenant } from '../accounts/access.ts'
import type { ReceiptStyle } from '../smpp/receipt-format.ts'
import type { MessageIdForm } from './message-ids.ts'

/** An account by which a partner binds to us. */
export interface PartnerAccount {
  readonly systemId: string
  readonly password: string
  /** Who pays. */
  readonly tenant: Tenant
  /** Which submits are repetitions, and for how long; 0 seconds: none is. */
  readonly duplicates: { readonly windowSeconds: number; readonly key: string }
  readonly dialect: PartnerDialect
}

/** What a partner's software expects of the ids and receipts that it gets. */
export interface PartnerDialect {
  /** Undefined: as the version of the bind has room for. */
  readonly messageIdForm: MessageIdForm | undefined
  readonly receipts: ReceiptDialect
}

/** How a partner's receipts are written. */
export interface ReceiptDialect extends ReceiptStyle {
  /** Optional parameters for binds of version 3.4 and above, for all, for none. */
  readonly tlvs: 'auto' | 'always' | 'never'
}
