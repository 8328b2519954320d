import type { Scope } from './scope.ts'

/** Who messages, money and keys belong to. */
export interface Tenant {
  readonly id: string
  readonly name: string
}

/** Who calls the HTTP interface, and what it may do there. */
export interface Caller {
  /** What it is called: of a key the first 12 hexadecimal digits of its SHA-256, of a user the e-mail address. */
  readonly name: string
  /** Whose it is; undefined: it is of whoever runs the gateway, and of no tenant. */
  readonly tenant: Tenant | undefined
  /** It is of whoever runs the gateway. The key of a demo is that and its tenant's. */
  readonly isOperator: boolean
  readonly scopes: ReadonlySet<Scope>
  /** A person who has signed in; absent: a key calls. */
  readonly user?: SignedInUser
}

/** A user of the console, in one of the sessions. */
export interface SignedInUser {
  readonly id: string
  readonly sessionId: string
}

/** A caller as logs and versions name it. */
export function callerText({ name, user }: Caller): string {
  return `${user ? 'user' : 'key'} ${name}`
}
