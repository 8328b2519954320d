import { z } from 'zod'
import type { FailureRule } from '../core/failure-rule.ts'
import type { LimitPolicy } from '../core/limits.ts'
import type { ClassPolicy, TrafficClass } from '../core/policy.ts'
import {
  choice,
  flag,
  integer,
  list,
  mapping,
  optionalText,
  requiredText,
  setting,
  text,
} from '../settings/field.ts'
import { NAME, NAME_ALLOWED } from '../settings/forms.ts'
import { type AlertsConfig, alertsSchema } from './alerts.ts'
import {
  type BillingConfig,
  balancesSchema,
  billingSchema,
  type TenantBilling,
  tenantBillingSchema,
} from './billing.ts'
import { failureRulesSchema } from './failure-rules.ts'
import { type GuardsConfig, guardsSchema } from './guards.ts'
import { type HealthConfig, healthSchema, type QualityConfig, qualitySchema } from './health.ts'
import { type HttpConfig, httpSchema } from './http.ts'
import { type HttpCarrierConfig, httpCarrierSchema } from './http-carriers.ts'
import { type InboundConfig, inboundSchema } from './inbound.ts'
import {
  type EncryptionConfig,
  encryptionSchema,
  type FileRetentionConfig,
  type RetentionConfig,
  retentionSchema,
  tenantRetentionSchema,
} from './keeping.ts'
import { limitsSchema } from './limits.ts'
import { type NumbersConfig, numbersSchema } from './numbers.ts'
import { type PartnerConfig, partnerSchema } from './partners.ts'
import { policiesSchema } from './policies.ts'
import { type PricingConfig, pricingShape, tenantRatesSchema } from './rates.ts'
import { type RoutingConfig, routingSchema } from './routing.ts'
import { type SessionsConfig, sessionsSchema } from './sessions.ts'
import { type SmppCarrierConfig, smppCarrierSchema } from './smpp-carriers.ts'
import { type SmppConfig, smppSchema } from './smpp-listeners.ts'
import { type SmtpCarrierConfig, smtpCarrierSchema } from './smtp-carriers.ts'
import { type TemplateConfig, templatesSchema } from './templates.ts'
import { type TenantStanding, tenantStandingShape } from './tenants.ts'
import { type UsageConfig, usageSchema } from './usage.ts'

/** Everything the gateway is told from outside; made by `loadConfig` and never changed. */
export interface Config {
  readonly http: HttpConfig
  readonly smpp: SmppConfig
  /** Absolute path of the folder of the embedded database and of other files. */
  readonly dataDir: string
  /** PostgreSQL address; undefined: the embedded database in {@link dataDir}. */
  readonly databaseUrl: string | undefined
  /** Where limits are counted; undefined: in memory. */
  readonly redis: RedisConfig | undefined
  readonly logLevel: LogLevel
  readonly tenants: readonly TenantConfig[]
  readonly carriers: readonly CarrierConfig[]
  readonly partners: readonly PartnerConfig[]
  /** What holds for the messages of each traffic class. */
  readonly policies: Readonly<Record<TrafficClass, ClassPolicy>>
  readonly routing: RoutingConfig
  /** What follows a failure, before the policies; tenants by name. */
  readonly templates: readonly TemplateConfig[]
  readonly failureRules: readonly FailureRule[]
  readonly alerts: AlertsConfig
  readonly webhooks: WebhooksConfig
  readonly health: HealthConfig
  readonly quality: QualityConfig
  readonly inbound: InboundConfig
  readonly guards: GuardsConfig
  readonly billing: BillingConfig
  readonly usage: UsageConfig
  readonly limits: LimitPolicy
  readonly numbers: NumbersConfig
  /** For what belongs to no tenant of the file; a tenant has its own. */
  readonly retention: FileRetentionConfig
  readonly encryption: EncryptionConfig
  /** Keys of the HTTP interface for whoever runs the gateway; they belong to no tenant. */
  readonly adminKeys: readonly string[]
  readonly sessions: SessionsConfig
  readonly recorder: RecorderConfig
  /** True when no configuration file was found: the gateway runs against simulated carriers. */
  readonly sandbox: boolean
  /** Absolute path of the file that was read, if any. */
  readonly file: string | undefined
}

/** A Redis that several gateways may share. */
export interface RedisConfig {
  /** May hold a password. */
  readonly url: string
  /** Begin of every key; gateways with the same share what they count. */
  readonly prefix: string
}

/** The levels of pino, most talkative first; `silent` writes nothing. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

/** Who owns messages and money, and the keys by which it speaks HTTP. */
export interface TenantConfig extends TenantStanding {
  readonly name: string
  readonly apiKeys: readonly string[]
  /** How long its messages are kept: what it says itself over what the file says. */
  readonly retention: RetentionConfig
  readonly pricing: PricingConfig
  readonly billing: TenantBilling
}

/** Where webhooks may go. */
export interface WebhooksConfig {
  /** Send to private, loopback and link-local addresses, which are refused otherwise. */
  readonly allowPrivateAddresses: boolean
}

/** What is kept in memory of the PDUs of each connection. */
export interface RecorderConfig {
  /** 0: nothing. */
  readonly pdusPerBind: number
  /** Ended connections: so many that were bound, and as many that never were. */
  readonly keepEndedBinds: number
  /** Texts and numbers may be shown to those who ask. */
  readonly showTexts: boolean
}

/** One carrier. */
export type CarrierConfig = SmppCarrierConfig | HttpCarrierConfig | SmtpCarrierConfig

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

const API_KEY = /^[\x21-\x7e]{1,200}$/
const API_KEY_ALLOWED = '1 to 200 ASCII characters without blanks'

const carrierSchema = z.discriminatedUnion(
  'type',
  [smppCarrierSchema, httpCarrierSchema, smtpCarrierSchema],
  {
    error: ({ code }) =>
      code === 'invalid_union' ? 'smpp or http' : 'a mapping of keys to values',
  },
)

function apiKeys(about: string) {
  return setting(
    list(
      z.string({ error: API_KEY_ALLOWED }).regex(API_KEY, { error: API_KEY_ALLOWED }),
      'a list of keys',
    ).default([]),
    {
      about,
      allowed: 'a list of texts of 1 to 200 ASCII characters without blanks',
      defaultText: '[]',
      isSecret: true,
      isText: true,
    },
  )
}

const tenant = mapping({
  name: requiredText(NAME, NAME_ALLOWED, { about: 'Name of the tenant, unique in the file.' }),
  api_keys: apiKeys('Keys of the HTTP interface; each belongs to one tenant.'),
  ...tenantStandingShape,
  retention: tenantRetentionSchema,
  ...pricingShape,
  billing: tenantBillingSchema,
})

/** The file as it is written, in snake_case; `load.ts` turns it into a {@link Config}. */
export const fileSchema = mapping({
  http: httpSchema,
  smpp: smppSchema,
  data_dir: text(/^[^\0]+$/, 'the path of a folder', './data', {
    about:
      'Folder of the embedded database and of the marks of what was written to carriers, taken from the working directory.',
    variable: 'LINEHAUL_DATA_DIR',
  }),
  database_url: optionalText(
    /^postgres(ql)?:\/\/\S+$/,
    'an address such as postgres://user:password@host:5432/database',
    {
      about: 'PostgreSQL server to use instead of the embedded database.',
      variable: 'DATABASE_URL',
      isSecret: true,
    },
  ),
  redis_url: optionalText(
    /^rediss?:\/\/\S+$/,
    'an address such as redis://user:password@host:6379/0; rediss:// for TLS',
    {
      about: 'Redis server that counts what limits allow; without it the gateway does.',
      variable: 'REDIS_URL',
      isSecret: true,
    },
  ),
  redis_prefix: text(
    /^[A-Za-z0-9_.-]{1,63}$/,
    '1 to 63 letters, digits, "-", "_" or "."',
    'linehaul',
    {
      about: 'Begin of every key in Redis; gateways with the same share their limits.',
    },
  ),
  log_level: choice(LOG_LEVELS, 'info', {
    about: 'How much is logged.',
    variable: 'LINEHAUL_LOG_LEVEL',
  }),
  tenants: setting(list(tenant, 'a list of tenants').default([]), {
    about: 'Owners of messages and money.',
    allowed: 'a list of mappings',
    defaultText: '[]',
  }),
  carriers: setting(list(carrierSchema, 'a list of carriers').default([]), {
    about: 'Whom messages are submitted to.',
    allowed: 'a list of mappings',
    defaultText: '[]',
  }),
  templates: templatesSchema,
  partners: setting(list(partnerSchema, 'a list of partners').default([]), {
    about: 'Accounts that may bind to our SMPP server.',
    allowed: 'a list of mappings',
    defaultText: '[]',
  }),
  policies: policiesSchema,
  routing: routingSchema,
  failure_rules: failureRulesSchema,
  alerts: alertsSchema,
  webhooks: setting(
    mapping({
      allow_private_addresses: flag(false, {
        about: 'Send webhooks to private, loopback and link-local addresses too.',
      }),
    }).prefault({}),
    { about: 'Where webhooks may go.', allowed: 'a mapping', defaultText: '{}' },
  ),
  health: healthSchema,
  quality: qualitySchema,
  inbound: inboundSchema,
  guards: guardsSchema,
  billing: billingSchema,
  usage: usageSchema,
  balances: balancesSchema,
  rates: tenantRatesSchema,
  limits: limitsSchema,
  numbers: numbersSchema,
  retention: retentionSchema,
  encryption: encryptionSchema,
  admin_keys: apiKeys(
    'Keys of the HTTP interface for whoever runs the gateway: they open what shows or changes the ' +
      'traffic of every tenant (`/v1/binds`, `/v1/callbacks`, `/v1/carriers`, `/v1/config`, `/v1/rate-decks`, `/v1/guards`, `/v1/route`, ' +
      '`/v1/networks`, `/v1/numbers`, `/v1/ported-numbers`), make and change API keys (`/v1/keys`), and read the messages of every tenant; nothing else that belongs to one tenant.',
  ),
  sessions: sessionsSchema,
  recorder: setting(
    mapping({
      pdus_per_bind: integer(0, 10_000, 200, {
        about:
          'The latest PDUs kept in memory of each bind, both ways, in 256 octets each and 70,000 at ' +
          'least; 0 keeps none.',
        unit: 'PDUs',
      }),
      keep_ended_binds: integer(0, 1_000, 50, {
        about:
          'Ended connections whose PDUs are kept: so many that were bound, and as many that never were.',
        unit: 'connections',
      }),
      show_texts: flag(false, {
        about:
          'Show texts and whole numbers to those who ask with `texts=shown`; masked otherwise. ' +
          'Passwords never are shown.',
      }),
    }).prefault({}),
    { about: 'What is kept of the PDUs of each bind.', allowed: 'a mapping', defaultText: '{}' },
  ),
})

/** What {@link fileSchema} gives for a file without mistakes. */
export type FileContent = z.output<typeof fileSchema>
