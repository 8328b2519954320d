import { z } from 'zod'
import { integer, list, mapping, optionalText, requiredText, setting } from '../settings/field.ts'
import {
  MAIL_ADDRESS,
  MAIL_ADDRESS_ALLOWED,
  type MailServerConfig,
  mailServerShape,
  toMailServer,
} from './mail-server.ts'

/** Where the operator is told of what needs a person. */
export interface AlertsConfig {
  readonly webhook: { readonly url: string; readonly secret: string } | undefined
  readonly mail: AlertMailConfig | undefined
  /** Which way the operator is told of each. */
  readonly events: Readonly<Record<AlertEvent, readonly AlertWay[]>>
  /** A carrier without a connection is told of after so long. */
  readonly downMs: number
}

/** What operators can be told of beside what failure rules say. */
export type AlertEvent = (typeof ALERT_EVENTS)[number]

/** A way to the operator. */
export type AlertWay = (typeof ALERT_WAYS)[number]

/** {@link AlertEvent}. */
export const ALERT_EVENTS = [
  'breaker',
  'connection',
  'canary',
  'guard',
  'check',
  'balance_low',
  'balance_exhausted',
] as const

const ALERT_WAYS = ['webhook', 'mail'] as const
const WAYS = `a list of ${ALERT_WAYS.join(', ')}; empty for none`

/** The mail server that takes alerts, and whom they go to. */
export interface AlertMailConfig extends MailServerConfig {
  readonly from: string
  readonly to: readonly string[]
}

const ADDRESSES = 'a list of mail addresses'
const SECRET = /^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/

const mail = mapping({
  ...mailServerShape,
  from: requiredText(MAIL_ADDRESS, MAIL_ADDRESS_ALLOWED, { about: 'Sender of the mails.' }),
  to: setting(
    list(z.string({ error: ADDRESSES }).regex(MAIL_ADDRESS, { error: ADDRESSES }), ADDRESSES).min(
      1,
      {
        error: ADDRESSES,
      },
    ),
    { about: 'Who gets them.', allowed: ADDRESSES, defaultText: 'required', isText: true },
  ),
})

function ways(about: string) {
  return setting(list(z.enum(ALERT_WAYS, { error: WAYS }), WAYS).default([...ALERT_WAYS]), {
    about,
    allowed: WAYS,
    defaultText: '[webhook, mail]',
  })
}

const events = mapping({
  breaker: ways('The circuit breaker of a carrier has opened, or closed again.'),
  connection: ways('A carrier is without any connection for `down_seconds`, or has one again.'),
  canary: ways('The canary of a route was stopped.'),
  guard: ways('A guard has opened a breaker.'),
  check: ways('A check of a carrier has failed, or passes again.'),
  balance_low: ways('A tenant may spend less than `tenants[].billing.low_balance`.'),
  balance_exhausted: ways('A message was refused because its tenant cannot pay for it.'),
} satisfies Record<AlertEvent, unknown>)

/** The `alerts` section of the file. */
export const alertsSchema = setting(
  mapping({
    webhook_url: optionalText(/^https?:\/\/\S{1,2000}$/, 'an http or https URL', {
      about: 'Gets alerts as `POST`, signed as any webhook ([webhooks.md](webhooks.md)).',
    }),
    webhook_secret: optionalText(SECRET, '`whsec_` and 24 to 64 octets in base64', {
      about: 'What they are signed with.',
      isSecret: true,
    }),
    mail: setting(mail.optional(), {
      about: 'Sends alerts by mail too.',
      allowed: 'a mapping',
      defaultText: 'none',
    }),
    events: setting(events.prefault({}), {
      about:
        'Which way the operator is told of what: by those of the two ways that are set up here.',
      allowed: 'a mapping',
      defaultText: '{}',
    }),
    down_seconds: integer(1, 86_400, 60, {
      about: 'How long a carrier may be without a connection before that is told.',
      unit: 'seconds',
    }),
  }).prefault({}),
  {
    about: 'Where the operator is told of what needs a person; see [alerts.md](alerts.md).',
    allowed: 'a mapping',
    defaultText: '{}',
  },
)

type FileAlerts = ReturnType<(typeof alertsSchema)['parse']>

/** The `alerts` of a file without mistakes. */
export function toAlerts({
  webhook_url: url,
  webhook_secret: secret,
  mail: file,
  events,
  down_seconds,
}: FileAlerts): AlertsConfig {
  return {
    webhook: url !== undefined && secret !== undefined ? { url, secret } : undefined,
    mail: file && {
      ...toMailServer(file),
      from: file.from,
      to: file.to,
    },
    events,
    downMs: down_seconds * 1_000,
  }
}
