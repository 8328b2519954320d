import { z } from 'zod'
import type { FailureRule } from '../core/failure-rule.ts'
import type { LimitPolicy } from '../core/limits.ts'
import { isPasswordHash } from '../core/password.ts'
import type { ClassPolicy, TrafficClass } from '../core/policy.ts'
import {
  choice,
  flag,
  integer,
  list,
  mapping,
  optionalInteger,
  optionalText,
  requiredText,
  setting,
  text,
} from '../settings/field.ts'
import { FILE, FILE_ALLOWED, HOST, HOST_ALLOWED, NAME, NAME_ALLOWED } from '../settings/forms.ts'
import { type AlertsConfig, alertsSchema } from './alerts.ts'
import {
  type BillingConfig,
  balancesSchema,
  billingSchema,
  type TenantBilling,
  tenantBillingSchema,
} from './billing.ts'
import { type CarrierTerms, carrierTermsShape } from './carrier-terms.ts'
import { type DialectConfig, dialectKeys } from './dialect.ts'
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
import { type PartnerAccess, partnerAccessShape } from './partner-access.ts'
import { type PartnerStatuses, partnerStatusesSchema } from './partner-statuses.ts'
import { policiesSchema } from './policies.ts'
import { PRESET_NAMES } from './presets.ts'
import { type PricingConfig, pricingShape, tenantRatesSchema } from './rates.ts'
import { type RoutingConfig, routingSchema } from './routing.ts'
import { type SessionsConfig, sessionsSchema } from './sessions.ts'
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

/** Where a server listens. Port 0 takes any free port. */
export interface ListenerConfig {
  readonly host: string
  readonly port: number
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

/** An account by which a partner binds to our SMPP server. */
export interface PartnerConfig extends PartnerAccess {
  readonly systemId: string
  /** As it is, or its hash: see `core/password.ts`. */
  readonly password: string
  /** Name of the tenant that pays for the partner's messages; it exists. */
  readonly tenant: string
  /** How long a submit that comes again is answered with the id of the first; 0: never. */
  readonly duplicateWindowSeconds: number
  /** What two submits have in common that are one: see `partners/duplicate-key.ts`. */
  readonly duplicateKey: string
  readonly dialect: DialectConfig
  readonly statuses: PartnerStatuses
}

/** A carrier that we bind to. */
export interface SmppCarrierConfig extends CarrierTerms {
  readonly type: 'smpp'
  /** In order of preference; at least one. */
  readonly hosts: readonly ListenerConfig[]
  /** Seconds after which a bind leaves a later host for the first; 0: only when it reconnects anyway. */
  readonly preferFirstAfterSeconds: number
  readonly systemId: string
  readonly password: string
  /** `system_type` of the bind; empty for most carriers. */
  readonly systemType: string
  readonly interfaceVersion: InterfaceVersion
  readonly bind: BindMode
  /** Binds kept open; with {@link bind} `pair`, pairs kept open. */
  readonly sessions: number
  /** Unanswered requests per bind. */
  readonly window: number
  /** Most segments submitted per second over all binds of the carrier; 0: no limit is known. */
  readonly segmentsPerSecond: number
  readonly enquireLinkSeconds: number
  readonly responseTimeoutSeconds: number
  readonly reconnectSeconds: { readonly min: number; readonly max: number }
  /** Where the carrier may ask for a bind; undefined: nowhere. */
  readonly outbind: OutbindConfig | undefined
  /** Undefined: a plain TCP connection. */
  readonly tls: TlsConfig | undefined
  readonly defaultAlphabet: DefaultAlphabet
  readonly longMessages: LongMessages
  readonly messageIdProfile: MessageIdProfile
  readonly receiptIdFrom: (typeof RECEIPT_ID_SOURCES)[number]
  /** States by the carrier's own words, in capitals; they go over the usual ones. */
  readonly receiptStates: ReadonlyMap<string, (typeof MESSAGE_STATES)[number]>
  /** Recognise receipts by their text where `esm_class` does not say so. */
  readonly receiptHeuristic: boolean
  /** Replace typographic characters (curly quotes, dashes) by GSM 7-bit look-alikes. */
  readonly transliterate: boolean
  /** Send Latin-1 and ASCII of partners in the carrier's own alphabet. */
  readonly transcode: boolean
  readonly passTlvs: PassTlvs
  /** Value of the PDU field, 0 to 31. */
  readonly registeredDelivery: number
  readonly validity: ValidityForm
  /** The longest validity that the carrier is told; undefined: as long as the message is valid. */
  readonly validitySeconds: number | undefined
  /** Overrides; undefined: derived from the address. */
  readonly sourceTon: number | undefined
  readonly sourceNpi: number | undefined
  readonly destinationTon: number | undefined
  readonly destinationNpi: number | undefined
  /** Write the destination with a leading `+`. */
  readonly destinationPlus: boolean
  /** Send the TLV `user_message_reference` and look for it in receipts. */
  readonly userMessageReference: boolean
}

/** One carrier. */
export type CarrierConfig = SmppCarrierConfig | HttpCarrierConfig | SmtpCarrierConfig

/** How a carrier that connects to us asks for a bind, and which one answers. */
export interface OutbindConfig extends ListenerConfig {
  readonly systemId: string
  readonly password: string
  readonly bind: (typeof OUTBIND_BINDS)[number]
}

/** TLS towards a carrier. Certificates and keys are PEM texts, already read from their files. */
export interface TlsConfig {
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
  /** Name expected in the carrier's certificate; undefined: the host. */
  readonly serverName: string | undefined
  readonly rejectUnauthorized: boolean
}

/** `pair` is one transmitter and one receiver bind. */
export type BindMode = (typeof BIND_MODES)[number]
/** SMPP version named in the bind. */
export type InterfaceVersion = (typeof INTERFACE_VERSIONS)[number]
/** What `data_coding` 0 means at a carrier. */
export type DefaultAlphabet = (typeof DEFAULT_ALPHABETS)[number]
/** How the parts of a long text are marked. */
export type LongMessages = (typeof LONG_MESSAGES)[number]
/** How a carrier is told when to give up: the time left, its end in UTC, not at all. */
export type ValidityForm = (typeof VALIDITY_FORMS)[number]
/** Which optional parameters of a partner a carrier gets. */
export type PassTlvs = (typeof PASS_TLVS)[number]
/** How the id of a receipt relates to the id of the response. */
export type MessageIdProfile = (typeof MESSAGE_ID_PROFILES)[number]

const BIND_MODES = ['transceiver', 'transmitter', 'receiver', 'pair'] as const
const OUTBIND_BINDS = ['receiver', 'transceiver'] as const
const INTERFACE_VERSIONS = ['3.3', '3.4', '5.0'] as const
const DEFAULT_ALPHABETS = ['gsm7', 'gsm7-packed', 'latin1', 'ascii'] as const
const LONG_MESSAGES = ['udh8', 'udh16', 'sar', 'payload'] as const
const MESSAGE_ID_PROFILES = ['exact', 'strip-zeros', 'resp-hex', 'resp-dec'] as const
const PASS_TLVS = ['all', 'vendor', 'none'] as const
const RECEIPT_ID_SOURCES = ['tlv', 'text', 'both'] as const
// SMPP v5.0, section 4.7.15.
const MESSAGE_STATES = [
  'SCHEDULED',
  'ENROUTE',
  'DELIVERED',
  'EXPIRED',
  'DELETED',
  'UNDELIVERABLE',
  'ACCEPTED',
  'UNKNOWN',
  'REJECTED',
  'SKIPPED',
] as const
const STAT_WORD = /^[A-Za-z0-9_-]{1,20}$/
const STATES_ALLOWED = 'a mapping of words to states of SMPP 5.0, for example { SENT: ENROUTE }'
const VALIDITY_FORMS = ['relative', 'absolute', 'none'] as const
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

const PRESETS_ALLOWED = `one of ${PRESET_NAMES.join(', ')}`
const ADDRESS =
  /^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}):([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])$/
const ADDRESS_ALLOWED = 'host:port, for example smsc1.example:2775 or [2001:db8::1]:2775'
const HOSTS = 'a list of host:port'
// C-octet strings of the bind, NUL not counted: SMPP v3.4, section 4.1.
const SYSTEM_ID = /^[\x21-\x7e]{1,15}$/
const SYSTEM_ID_ALLOWED = '1 to 15 ASCII characters without blanks'
const PASSWORD = /^[\x20-\x7e]{1,8}$/
const PASSWORD_ALLOWED = '1 to 8 ASCII characters'
const PARTNER_PASSWORD_ALLOWED = `${PASSWORD_ALLOWED}, or the hash that \`linehaul hash-password\` makes`
const API_KEY = /^[\x21-\x7e]{1,200}$/
const API_KEY_ALLOWED = '1 to 200 ASCII characters without blanks'

const tls = mapping({
  ca: optionalText(FILE, FILE_ALLOWED, {
    about: "Certificate authorities to trust instead of the system's.",
  }),
  cert: optionalText(FILE, FILE_ALLOWED, { about: 'Our certificate, where the carrier asks.' }),
  key: optionalText(FILE, FILE_ALLOWED, {
    about: 'Private key of our certificate.',
    isSecret: true,
  }),
  server_name: optionalText(HOST, HOST_ALLOWED, {
    about: "Name expected in the carrier's certificate, where it is not `host`.",
  }),
  reject_unauthorized: flag(true, {
    about: 'Refuse a carrier whose certificate cannot be verified.',
  }),
})

const reconnect = mapping({
  min: integer(1, 3600, 1, { about: 'First wait before connecting again.', unit: 'seconds' }),
  max: integer(1, 3600, 60, {
    about: 'Longest wait; the wait doubles up to it.',
    unit: 'seconds',
  }),
})

/** A carrier that we bind to, as it is written in the file. */
export const smppCarrierSchema = mapping({
  preset: setting(z.enum(PRESET_NAMES, { error: PRESETS_ALLOWED }).optional(), {
    about: 'Defaults that suit a kind of SMSC; what is written beside it goes over them.',
    allowed: PRESETS_ALLOWED,
    defaultText: 'none',
    isText: true,
  }),
  type: setting(z.literal('smpp', { error: 'smpp or http' }), {
    about: 'How the carrier is spoken to: by us as an ESME, or over the API of a provider.',
    allowed: 'smpp, http or smtp',
    defaultText: 'required',
  }),
  host: optionalText(HOST, HOST_ALLOWED, {
    about: "The carrier's host; required, with `port`, where there are no `hosts`.",
  }),
  port: optionalInteger(1, 65535, { about: "The carrier's port." }),
  hosts: setting(
    list(z.string({ error: ADDRESS_ALLOWED }).regex(ADDRESS, { error: ADDRESS_ALLOWED }), HOSTS)
      .min(1, { error: HOSTS })
      .optional(),
    {
      about:
        'Several hosts of one carrier instead of `host` and `port`, the preferred first. Each bind ' +
        'tries them in this order.',
      allowed: HOSTS,
      defaultText: 'none',
    },
  ),
  prefer_first_after_seconds: integer(0, 86_400, 0, {
    about:
      'Time after which binds to a later host move to the first, one by one, if that can be ' +
      'reached. 0: only when they have to connect again anyway.',
    unit: 'seconds',
  }),
  system_id: requiredText(SYSTEM_ID, SYSTEM_ID_ALLOWED, { about: 'Our account there.' }),
  password: requiredText(PASSWORD, PASSWORD_ALLOWED, {
    about: 'Password of the account.',
    isSecret: true,
  }),
  system_type: text(/^[\x20-\x7e]{0,12}$/, 'up to 12 ASCII characters', '', {
    about: 'Value of `system_type` in the bind, where the carrier wants one.',
  }),
  interface_version: choice(INTERFACE_VERSIONS, '3.4', { about: 'SMPP version of the bind.' }),
  bind: choice(BIND_MODES, 'transceiver', {
    about: 'Kind of bind; `pair` is one transmitter and one receiver.',
  }),
  sessions: integer(1, 100, 1, { about: 'Binds kept open (pairs with `bind: pair`).' }),
  window: integer(1, 1000, 10, { about: 'Unanswered requests per bind.', unit: 'requests' }),
  segments_per_second: integer(0, 100_000, 0, {
    about:
      'Agreed limit over all binds of the carrier; 0: none is known. Below it, the pace follows ' +
      'what the carrier takes when it throttles.',
    unit: 'segments per second',
  }),
  enquire_link_seconds: integer(1, 3600, 30, {
    about: 'Silence after which the bind is tested.',
    unit: 'seconds',
  }),
  response_timeout_seconds: integer(1, 300, 10, {
    about: 'Wait for a response before the outcome counts as unknown.',
    unit: 'seconds',
  }),
  reconnect_seconds: setting(reconnect.prefault({}), {
    about: 'Wait before connecting again.',
    allowed: 'a mapping',
    unit: 'seconds',
    defaultText: '{ min: 1, max: 60 }',
  }),
  outbind_port: optionalInteger(1, 65535, {
    about:
      'Port on which the carrier may connect to us and ask by `outbind` to be bound to; no TLS there.',
  }),
  outbind_host: text(HOST, HOST_ALLOWED, '0.0.0.0', {
    about: 'Address that is listened on for it.',
  }),
  outbind_system_id: optionalText(SYSTEM_ID, SYSTEM_ID_ALLOWED, {
    about: 'Account that the carrier names in `outbind`; without it `system_id`.',
  }),
  outbind_password: optionalText(PASSWORD, PASSWORD_ALLOWED, {
    about: 'Password that the carrier gives there; without it `password`.',
    isSecret: true,
  }),
  outbind_bind: choice(OUTBIND_BINDS, 'receiver', {
    about: 'The bind that answers; SMPP 3.4 knows the receiver only.',
  }),
  tls: setting(
    z.preprocess((value) => {
      if (value === true) return {}
      return value === false ? undefined : value
    }, tls.optional()),
    {
      about: 'Connect with TLS; the mapping says how.',
      allowed: 'true, false or a mapping',
      defaultText: 'false',
    },
  ),
  default_alphabet: choice(DEFAULT_ALPHABETS, 'gsm7', {
    about: 'What `data_coding` 0 means at the carrier.',
  }),
  long_messages: choice(LONG_MESSAGES, 'udh8', {
    about: 'How the parts of a long text are marked.',
  }),
  message_id_profile: choice(MESSAGE_ID_PROFILES, 'exact', {
    about:
      'How ids of receipts match ids of responses: as they are, without leading zeros, ' +
      'response hexadecimal and receipt decimal, or the reverse.',
  }),
  receipt_id_from: choice(RECEIPT_ID_SOURCES, 'both', {
    about:
      'Where receipts name the message: the TLV `receipted_message_id`, the text, or both, the TLV first.',
  }),
  receipt_states: setting(
    z
      .record(
        z.string().regex(STAT_WORD, { error: STATES_ALLOWED }),
        z.enum(MESSAGE_STATES, { error: `one of ${MESSAGE_STATES.join(', ')}` }),
        { error: STATES_ALLOWED },
      )
      .default({}),
    {
      about:
        "Words of a receipt's `stat` that mean something of their own here, and values of the TLV " +
        '`message_state`; ENROUTE, SCHEDULED and ACCEPTED are not the end of a message.',
      allowed: STATES_ALLOWED,
      defaultText: '{}',
    },
  ),
  receipt_heuristic: flag(false, {
    about: 'Recognise receipts by their text where `esm_class` does not mark them.',
  }),
  transliterate: flag(false, {
    about: 'Replace curly quotes, dashes and the like so that a text fits GSM 7-bit.',
  }),
  transcode: flag(false, {
    about:
      'Send what partners submit in Latin-1 or ASCII in the alphabet that the carrier takes for any ' +
      'text, instead of passing it with its `data_coding`.',
  }),
  pass_tlvs: choice(PASS_TLVS, 'all', {
    about:
      'Which optional parameters of a partner the carrier gets: all, those that the specification ' +
      'does not name, or none.',
  }),
  registered_delivery: integer(0, 31, 1, {
    about: 'Value of `registered_delivery` in `submit_sm`; 1 asks for final receipts.',
  }),
  validity: choice(VALIDITY_FORMS, 'relative', {
    about:
      "How the carrier is told when the message's validity ends: the time left, the end in UTC, " +
      'or not at all.',
  }),
  validity_seconds: optionalInteger(1, 2_592_000, {
    about: 'The longest validity that the carrier is told; what is left of a message is cut to it.',
    unit: 'seconds',
  }),
  source_ton: optionalInteger(0, 255, { about: 'Type of number of every sender id.' }),
  source_npi: optionalInteger(0, 255, { about: 'Numbering plan of every sender id.' }),
  destination_ton: optionalInteger(0, 255, { about: 'Type of number of every destination.' }),
  destination_npi: optionalInteger(0, 255, { about: 'Numbering plan of every destination.' }),
  destination_plus: flag(false, { about: 'Write destinations with a leading `+`.' }),
  user_message_reference: flag(false, {
    about:
      'Send the TLV `user_message_reference`; a carrier that repeats it in receipts lets them be ' +
      'matched where the response, and with it the id, was lost.',
  }),
  ...carrierTermsShape,
})

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

/** One partner as it is written in the file. */
export const partnerSchema = mapping({
  system_id: requiredText(SYSTEM_ID, SYSTEM_ID_ALLOWED, {
    about: 'Account of the partner, unique in the file.',
  }),
  password: setting(
    z
      .string({ error: PARTNER_PASSWORD_ALLOWED })
      .refine((value) => PASSWORD.test(value) || isPasswordHash(value), {
        error: PARTNER_PASSWORD_ALLOWED,
      }),
    {
      about: 'Password of the account, as it is or as its hash.',
      allowed: PARTNER_PASSWORD_ALLOWED,
      defaultText: 'required',
      isSecret: true,
      isText: true,
    },
  ),
  tenant: requiredText(NAME, 'the name of a tenant', {
    about: "Name of the tenant that pays for the partner's messages.",
  }),
  duplicate_window_seconds: integer(0, 604_800, 0, {
    about:
      'How long a submit that comes again is answered with the id of the first instead of being ' +
      'sent again; 0 means never.',
    unit: 'seconds',
  }),
  duplicate_key: text(
    /^(user_message_reference|content|0x[0-9A-Fa-f]{4})$/,
    'user_message_reference, content, or the tag of a TLV such as 0x1400',
    'user_message_reference',
    {
      about:
        'What tells that a submit is one that came before: a TLV with the same value for the same ' +
        'number, or (`content`) the same sender, number and octets.',
    },
  ),
  ...partnerAccessShape,
  ...dialectKeys,
  statuses: partnerStatusesSchema,
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
