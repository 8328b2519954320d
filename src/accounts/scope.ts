/** What a caller of the HTTP interface may be allowed, and what that opens. */
export const SCOPES = {
  'messages:send': 'send messages; cancel, change and repeat them; say what became of them',
  'messages:read': 'messages, their timelines and traces, dead letters, messages of handsets',
  'webhooks:read': 'webhooks and what they were told',
  'webhooks:write': 'add, change, test and remove webhooks; read their secrets',
  'account:read': 'limits and SMPP accounts',
  'keys:read': 'API keys, without what they are known by',
  'keys:write': 'make, change, rotate and revoke API keys, with no more scopes than the own',
  'billing:read': 'balances and the ledger',
  'billing:write': 'move money between tenants; book payments and corrections, for operators',
  'tenants:read': 'tenants and what is agreed with them; those below, for a reseller',
  'tenants:write': 'make, change, suspend and close tenants',
  'users:read': 'users of the console and their sessions',
  'users:write': 'add, change and disable users; end their sessions',
  'carriers:read': 'carriers, their health and connections',
  'carriers:write': 'drain, disable and reset carriers',
  'routing:read': 'rate decks, networks, numbers and guards; ask for routes without sending',
  'routing:write': 'change rate decks, networks and ported numbers; reset guards',
  'config:read': 'the configuration and its versions, secrets masked',
  'config:write': 'change the configuration',
  'audit:read': 'the audit log: changes and accesses',
} as const

export type Scope = keyof typeof SCOPES

/** Everything there is: what keys of the operator's configuration have. */
export const EVERY_SCOPE: ReadonlySet<Scope> = new Set(Object.keys(SCOPES) as Scope[])

/** What there is of one tenant: the most that a key of a tenant can have. */
export const TENANT_SCOPES: ReadonlySet<Scope> = new Set<Scope>([
  'messages:send',
  'messages:read',
  'webhooks:read',
  'webhooks:write',
  'account:read',
  'keys:read',
  'keys:write',
  'billing:read',
  'audit:read',
  'billing:write',
  'tenants:read',
  'tenants:write',
  'users:read',
  'users:write',
])
