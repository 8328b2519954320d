import type { Scope } from './scope.ts'

/** Who messages, money and keys belong to. */
export interface Tenant {
  readonly id: string
  readonly name: string
}

/** Who calls the HTTP interface, and what it may do there. */
export interface Caller {
  /** What it is called where its key must not be shown: the first 12 hexadecimal digits of the SHA-256. */
  readonly name: string
  /** Whose it is; undefined: it is of whoever runs the gateway, and of no tenant. */
  readonly tenant: Tenant | undefined
  /** It is of whoever runs the gateway. The key of a demo is that and its tenant's. */
  readonly isOperator: boolean
  readonly scopes: ReadonlySet<Scope>
}
