import { z } from 'zod'
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
import {
  BIND_PASSWORD,
  BIND_PASSWORD_ALLOWED,
  FILE,
  FILE_ALLOWED,
  HOST,
  HOST_ALLOWED,
  SYSTEM_ID,
  SYSTEM_ID_ALLOWED,
} from '../settings/forms.ts'
import { type CarrierTerms, carrierTermsShape, toTerms } from './carrier-terms.ts'
import { PRESET_NAMES } from './presets.ts'

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

/** Host and port, of the carrier or of ours. Port 0 takes any free port. */
export interface ListenerConfig {
  readonly host: string
  readonly port: number
}

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

const PRESETS_ALLOWED = `one of ${PRESET_NAMES.join(', ')}`
const ADDRESS =
  /^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}):([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])$/
const ADDRESS_ALLOWED = 'host:port, for example smsc1.example:2775 or [2001:db8::1]:2775'
const HOSTS = 'a list of host:port'

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
  password: requiredText(BIND_PASSWORD, BIND_PASSWORD_ALLOWED, {
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
  outbind_password: optionalText(BIND_PASSWORD, BIND_PASSWORD_ALLOWED, {
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

type FileSmppCarrier = z.output<typeof smppCarrierSchema>

/**
 * The settings of a carrier without mistakes.
 *
 * @param pem - reads a certificate or a key; `key` says where it stands in the carrier
 */
export function toSmppCarrier(
  carrier: FileSmppCarrier,
  pem: (value: string | undefined, key: string) => string | undefined,
): SmppCarrierConfig {
  const { tls } = carrier
  return {
    ...toTerms(carrier),
    type: carrier.type,
    hosts: hostsOf(carrier),
    preferFirstAfterSeconds: carrier.prefer_first_after_seconds,
    systemId: carrier.system_id,
    password: carrier.password,
    systemType: carrier.system_type,
    interfaceVersion: carrier.interface_version,
    bind: carrier.bind,
    sessions: carrier.sessions,
    window: carrier.window,
    segmentsPerSecond: carrier.segments_per_second,
    enquireLinkSeconds: carrier.enquire_link_seconds,
    responseTimeoutSeconds: carrier.response_timeout_seconds,
    reconnectSeconds: carrier.reconnect_seconds,
    outbind: outbindOf(carrier),
    tls: tls && {
      ca: pem(tls.ca, 'tls.ca'),
      cert: pem(tls.cert, 'tls.cert'),
      key: pem(tls.key, 'tls.key'),
      serverName: tls.server_name,
      rejectUnauthorized: tls.reject_unauthorized,
    },
    defaultAlphabet: carrier.default_alphabet,
    longMessages: carrier.long_messages,
    messageIdProfile: carrier.message_id_profile,
    receiptIdFrom: carrier.receipt_id_from,
    receiptStates: new Map(
      Object.entries(carrier.receipt_states).map(([word, state]) => [word.toUpperCase(), state]),
    ),
    receiptHeuristic: carrier.receipt_heuristic,
    transliterate: carrier.transliterate,
    transcode: carrier.transcode,
    passTlvs: carrier.pass_tlvs,
    registeredDelivery: carrier.registered_delivery,
    validity: carrier.validity,
    validitySeconds: carrier.validity_seconds,
    sourceTon: carrier.source_ton,
    sourceNpi: carrier.source_npi,
    destinationTon: carrier.destination_ton,
    destinationNpi: carrier.destination_npi,
    destinationPlus: carrier.destination_plus,
    userMessageReference: carrier.user_message_reference,
  }
}

function outbindOf(carrier: FileSmppCarrier): SmppCarrierConfig['outbind'] {
  if (carrier.outbind_port === undefined) return undefined
  return {
    host: carrier.outbind_host,
    port: carrier.outbind_port,
    systemId: carrier.outbind_system_id ?? carrier.system_id,
    password: carrier.outbind_password ?? carrier.password,
    bind: carrier.outbind_bind,
  }
}

/** The cross-check has seen that there is one of the two spellings. */
function hostsOf({ host, port, hosts }: FileSmppCarrier): SmppCarrierConfig['hosts'] {
  if (host !== undefined && port !== undefined) return [{ host, port }]
  return (hosts ?? []).map((address) => {
    const colon = address.lastIndexOf(':')
    const name = address.slice(0, colon).replace(/^\[|\]$/g, '')
    return { host: name, port: Number(address.slice(colon + 1)) }
  })
}
