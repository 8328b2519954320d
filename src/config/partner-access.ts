import { z } from 'zod'
import { distinctTags, MAX_TAGS, TAG, TAG_ALLOWED } from '../core/message-tags.ts'
import {
  choice,
  flag,
  integer,
  list,
  mapping,
  optionalInteger,
  requiredInteger,
  requiredText,
  setting,
  text,
} from '../settings/field.ts'
import { HOST, HOST_ALLOWED } from '../settings/forms.ts'
import { type Mistake, pathText } from './mistake.ts'
import { networkList } from './smpp-listeners.ts'

/** How a partner may bind, and what it may send. */
export interface PartnerAccess {
  /** Addresses and networks it may come from; empty: any. */
  readonly allowFrom: readonly string[]
  /** Whether it must come by TLS. */
  readonly tls: PartnerTls
  /** Certificates by which it must show who it is; undefined: none is needed. */
  readonly clientCertificate: ClientCertificateConfig | undefined
  readonly bindTypes: readonly PartnerBind[]
  /** Sessions at once; 0: no limit. */
  readonly maxBinds: number
  /** Our requests without an answer per session: receipts, mostly. */
  readonly window: number
  /** Its requests without an answer per session. */
  readonly submitWindow: number
  /** Segments taken per second over all sessions; 0: no limit. */
  readonly segmentsPerSecond: number
  /** Segments that may come at once; 0: as many as in a second. */
  readonly burst: number
  /** Sender ids: exact, or the beginning of one with `*` at the end; empty: any. */
  readonly senderIds: readonly string[]
  /** What `data_coding` 0 means in its submits. */
  readonly defaultAlphabet: PartnerAlphabet
  /** Tags of its messages. */
  readonly tags: readonly string[]
  /** Its messages may only go to carriers that bring replies. */
  readonly expectsReply: boolean
  /** Validity of a submit that names none; undefined: as the policy of its class says. */
  readonly defaultValiditySeconds: number | undefined
  /** The longest validity; undefined: 30 days. */
  readonly maxValiditySeconds: number | undefined
  readonly enquireLinkSeconds: number
  /** Silence after which the session is closed; 0: never. */
  readonly inactivitySeconds: number
  /** How it is called when something waits for it; undefined: it comes by itself. */
  readonly outbind: PartnerOutbind | undefined
}

/** Where a partner listens for us, and what we say of ourselves there. */
export interface PartnerOutbind {
  readonly host: string
  readonly port: number
  readonly systemId: string
  readonly password: string
  /** Wait before it is called again. */
  readonly retrySeconds: number
}

/** One of either is enough. */
export interface ClientCertificateConfig {
  /** SHA-256, 64 hexadecimal digits in capitals. */
  readonly fingerprints: readonly string[]
  readonly commonNames: readonly string[]
}

/** Whether a partner must come by TLS. */
export type PartnerTls = (typeof PARTNER_TLS)[number]
/** Kinds of bind. */
export type PartnerBind = (typeof PARTNER_BINDS)[number]
/** What `data_coding` 0 may mean from a partner. */
export type PartnerAlphabet = (typeof PARTNER_ALPHABETS)[number]

const PARTNER_TLS = ['optional', 'required'] as const
const PARTNER_BINDS = ['transmitter', 'receiver', 'transceiver'] as const
const PARTNER_ALPHABETS = ['gsm7', 'gsm7-packed', 'latin1', 'ascii', 'utf8'] as const

const MAX_VALIDITY_SECONDS = 2_592_000
const FINGERPRINT = /^[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}$/
const FINGERPRINT_ALLOWED = 'a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons'
// 20 characters are what an address field holds: SMPP v3.4, section 5.2.8.
const SENDER_ID = /^(\*|\+?[^*+\0][^*\0]{0,19}\*?)$/
const SENDER_ID_ALLOWED = 'a sender id of up to 20 characters, or its beginning and "*"'

const TAGS_ALLOWED = `a list of up to ${MAX_TAGS} tags, each ${TAG_ALLOWED}`

function texts(pattern: RegExp, allowed: string, what: string) {
  return list(z.string({ error: allowed }).regex(pattern, { error: allowed }), what)
}

const clientCertificate = mapping({
  fingerprints: setting(
    texts(FINGERPRINT, FINGERPRINT_ALLOWED, 'a list of fingerprints').default([]),
    {
      about: 'SHA-256 fingerprints of certificates, which may sign themselves.',
      allowed: 'a list of SHA-256 fingerprints',
      defaultText: '[]',
      isText: true,
    },
  ),
  common_names: setting(
    texts(/^.{1,64}$/, 'a common name of up to 64 characters', 'a list of names').default([]),
    {
      about: 'Common names of certificates that an authority of `smpp.tls.ca` has issued.',
      allowed: 'a list of names',
      defaultText: '[]',
      isText: true,
    },
  ),
})

/** The settings of a partner's account that say how it may bind and what it may send. */
export const partnerAccessShape = {
  allow_from: networkList('Where the partner may bind from; an empty list means anywhere.'),
  tls: choice(PARTNER_TLS, 'optional', { about: 'Whether the partner must bind with TLS.' }),
  client_certificate: setting(clientCertificate.optional(), {
    about:
      'The partner must bind with TLS and show one of these certificates, besides its password.',
    allowed: 'a mapping',
    defaultText: 'none',
  }),
  bind_types: setting(
    z
      .array(z.enum(PARTNER_BINDS, { error: PARTNER_BINDS.join(', ') }), {
        error: 'a list of bind types',
      })
      .min(1, { error: 'a list of at least one bind type' })
      .default([...PARTNER_BINDS]),
    {
      about: 'How the partner may bind.',
      allowed: 'a list of transmitter, receiver, transceiver',
      defaultText: '[transmitter, receiver, transceiver]',
    },
  ),
  max_binds: integer(0, 1_000, 20, {
    about: 'Sessions of the account at once; 0 means no limit.',
  }),
  window: integer(1, 1_000, 50, {
    about: 'Receipts and messages sent to the partner and not answered yet, per session.',
    unit: 'requests',
  }),
  submit_window: integer(1, 5_000, 500, {
    about:
      'Requests of the partner that are worked on at once, per session; as many again are read ahead, the rest stays unread.',
    unit: 'requests',
  }),
  segments_per_second: integer(0, 100_000, 0, {
    about:
      'Limit over all sessions of the account; submits beyond it are answered `ESME_RTHROTTLED`. 0 means no limit.',
    unit: 'segments per second',
  }),
  burst: integer(0, 1_000_000, 0, {
    about: 'Segments that may come at once after a pause; 0 means those of one second.',
    unit: 'segments',
  }),
  sender_ids: setting(texts(SENDER_ID, SENDER_ID_ALLOWED, 'a list of sender ids').default([]), {
    about:
      'Sender ids that the partner may use, each exact or its beginning and `*`; an empty list means any.',
    allowed: 'a list of sender ids of up to 20 characters',
    defaultText: '[]',
    isText: true,
  }),
  default_alphabet: choice(PARTNER_ALPHABETS, 'gsm7', {
    about: "What `data_coding` 0 means in the partner's submits.",
  }),
  tags: setting(
    texts(TAG, TAG_ALLOWED, TAGS_ALLOWED).max(MAX_TAGS, { error: TAGS_ALLOWED }).default([]),
    {
      about: "Tags of the partner's messages: routes go by them, see `routing.routes[].tags`.",
      allowed: TAGS_ALLOWED,
      defaultText: '[]',
      isText: true,
    },
  ),
  expects_reply: flag(false, {
    about: "Send the partner's messages through carriers only that bring the replies of handsets.",
  }),
  default_validity_seconds: optionalInteger(1, MAX_VALIDITY_SECONDS, {
    about: 'Validity of a submit that names none; without it the policy of its class decides.',
    unit: 'seconds',
  }),
  max_validity_seconds: optionalInteger(1, MAX_VALIDITY_SECONDS, {
    about: 'The longest validity; a longer one is cut to it.',
    unit: 'seconds',
  }),
  enquire_link_seconds: integer(1, 3600, 30, {
    about: "Silence after which the partner's session is tested.",
    unit: 'seconds',
  }),
  inactivity_seconds: integer(0, 86_400, 0, {
    about: 'Silence of the partner after which its session is closed; 0 means never.',
    unit: 'seconds',
  }),
  outbind: setting(
    mapping({
      host: requiredText(HOST, HOST_ALLOWED, { about: 'Host that the partner listens on.' }),
      port: requiredInteger(1, 65535, { about: 'Port that it listens on, without TLS.' }),
      system_id: text(
        /^[\x21-\x7e]{1,15}$/,
        '1 to 15 ASCII characters without blanks',
        'linehaul',
        {
          about: 'Our name in the `outbind`.',
        },
      ),
      password: text(/^[\x20-\x7e]{0,8}$/, 'up to 8 ASCII characters', '', {
        about: 'Our password in the `outbind`.',
        isSecret: true,
      }),
      retry_seconds: integer(1, 86_400, 60, {
        about: 'Wait before the partner is called again.',
        unit: 'seconds',
      }),
    }).optional(),
    {
      about:
        'The partner is called and asked to bind while something waits for it and no session of it ' +
        'receives.',
      allowed: 'a mapping',
      defaultText: 'none',
    },
  ),
}

const accessSchema = mapping(partnerAccessShape)
type FileAccess = ReturnType<(typeof accessSchema)['parse']>

/** What a partner without a mistake of form may do. */
export function toPartnerAccess(file: FileAccess): PartnerAccess {
  const certificate = file.client_certificate
  return {
    allowFrom: file.allow_from,
    tls: certificate ? 'required' : file.tls,
    clientCertificate: certificate && {
      fingerprints: certificate.fingerprints.map((each) => each.replaceAll(':', '').toUpperCase()),
      commonNames: certificate.common_names,
    },
    bindTypes: file.bind_types,
    maxBinds: file.max_binds,
    window: file.window,
    submitWindow: file.submit_window,
    segmentsPerSecond: file.segments_per_second,
    burst: file.burst,
    senderIds: file.sender_ids,
    defaultAlphabet: file.default_alphabet,
    tags: distinctTags(file.tags),
    expectsReply: file.expects_reply,
    defaultValiditySeconds: file.default_validity_seconds,
    maxValiditySeconds: file.max_validity_seconds,
    enquireLinkSeconds: file.enquire_link_seconds,
    inactivitySeconds: file.inactivity_seconds,
    outbind: file.outbind && {
      host: file.outbind.host,
      port: file.outbind.port,
      systemId: file.outbind.system_id,
      password: file.outbind.password,
      retrySeconds: file.outbind.retry_seconds,
    },
  }
}

/** Mistakes of a partner's account that show only beside the listeners. */
export function accessMistakes(
  partner: PartnerAccess,
  path: readonly PropertyKey[],
  listeners: { readonly port?: unknown; readonly tls?: { readonly ca?: unknown } | undefined },
): Mistake[] {
  const mistakes: Mistake[] = []
  const tell = (key: string, message: string) =>
    mistakes.push({ path: pathText([...path, key]), message })
  const { clientCertificate, defaultValiditySeconds: usual, maxValiditySeconds: most } = partner
  if (partner.tls === 'required' && !listeners.tls) {
    tell(clientCertificate ? 'client_certificate' : 'tls', 'needs TLS, and there is no smpp.tls')
  }
  if (partner.outbind && partner.tls === 'required') {
    tell('outbind', 'is called without TLS, and this account requires it')
  }
  if (clientCertificate) {
    const { fingerprints, commonNames } = clientCertificate
    if (fingerprints.length + commonNames.length === 0) {
      tell('client_certificate', 'names no certificate; write fingerprints or common_names')
    }
    if (commonNames.length > 0 && listeners.tls && listeners.tls.ca === undefined) {
      tell('client_certificate.common_names', 'needs smpp.tls.ca: who issues these names?')
    }
  }
  if (usual !== undefined && most !== undefined && usual > most) {
    tell('default_validity_seconds', `${usual} is above max_validity_seconds ${most}`)
  }
  return mistakes
}
