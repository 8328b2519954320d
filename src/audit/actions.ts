/** Every action that the audit log knows, and what an entry of it says; docs/audit.md shows the same table. */
export const AUDIT_ACTIONS = {
  access: 'requests with a key, counted by the minute: by key, address, route and outcome',
  'access.refused': 'requests without a valid key, or that the key does not open, counted likewise',
  'bind.accepted': 'binds of partners, counted likewise',
  'bind.refused': 'binds that were refused, with the reason, counted likewise',

  'carrier.enable': 'a carrier is used as its connections and its circuit breaker allow',
  'carrier.drain': 'a carrier gets nothing new; also by a canary that delivers too little',
  'carrier.disable': 'a carrier gets nothing',
  'carrier.force': 'a carrier is used whatever its circuit breaker says',
  'guard.reset': 'an open breaker of a guard was closed',

  'config.change': 'another configuration holds: version numbers, and every path that has changed',
  'config.rollback': 'an earlier version of the configuration holds again',

  'rate_deck.import': 'a rate deck counts as a new version',
  'rate_deck.rollback': 'the rates of an earlier version count again',
  'network.import': 'a table of networks was taken in',
  'network.restore': 'an earlier table of networks counts again',
  'ported_number.import': 'a file of ported numbers was taken in',
  'ported_number.set': 'a number was given a network',
  'ported_number.remove': 'a number was taken out of the table of ported numbers',

  'payment.book': 'money was booked: a payment, a correction, an opening balance of the file',

  'webhook.create': 'a webhook was added',
  'webhook.change': 'a webhook was changed, switched off or on',
  'webhook.disable': 'a webhook was switched off because it answered that it is gone',
  'webhook.delete': 'a webhook was removed',
  'webhook.rotate': 'a webhook, or the callbacks, got another secret',
  'webhook.reveal': 'the secrets of a webhook were read',
  'webhook.test': 'a test was sent to a webhook',
  'webhook.replay': 'events of a webhook are sent again',

  'message.resolve': 'a message that waited for an operator was settled by hand',
  'dead_letter.replay': 'dead letters were sent again',
  'callback.replay': 'a callback of a provider that could not be read is taken again',

  'key.create': 'an API key was made',
  'key.change': 'an API key got another name, other scopes, addresses or another end',
  'key.rotate': 'an API key got another secret',
  'key.revoke': 'an API key was revoked',

  'tenant.create': 'a tenant was made over the API',
  'tenant.change': 'a tenant was changed, suspended or closed',
  'session.begin': 'a user has signed in',
  'session.end': 'a user was signed out',
  'user.create': 'a user was added',
  'user.change': 'a user got another name, role or status',
  'user.password': 'a user got another password',
  'transfer.book': 'money was moved from one tenant to another',

  'gateway.start': 'the gateway has started',
  'gateway.stop': 'the gateway stops in order; where it is missing, it was ended otherwise',
  'database.migrate': 'the schema was brought up to date by hand',
  'encryption.rotate': 'everything stored was sealed with the active key by hand',
  'audit.erase': 'old entries of the audit log were deleted by age, up to a number and its hash',
} as const

/** Stable, for programs. */
export type AuditAction = keyof typeof AUDIT_ACTIONS
