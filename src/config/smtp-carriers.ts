import { z } from 'zod'
import {
  flag,
  integer,
  mapping,
  optionalText,
  requiredInteger,
  requiredText,
  setting,
  text,
} from '../settings/field.ts'
import { FILE, FILE_ALLOWED, HOST, HOST_ALLOWED } from '../settings/forms.ts'
import { type CallbackTerms, callbackTermsShape, toCallbackTerms } from './callback-terms.ts'
import { type CarrierTerms, carrierTermsShape, toTerms } from './carrier-terms.ts'
import {
  MAIL_ADDRESS,
  MAIL_ADDRESS_ALLOWED,
  type MailServerConfig,
  mailServerShape,
  toMailServer,
} from './mail-server.ts'
import { type Mistake, pathText } from './mistake.ts'

/** Where mails that come back are taken over SMTP. */
export interface BouncePortConfig {
  readonly host: string
  readonly port: number
}

/** A carrier that takes mails over SMTP. */
export interface SmtpCarrierConfig extends CarrierTerms {
  readonly type: 'smtp'
  readonly server: MailServerConfig
  /** Certificate authorities, PEM; undefined: the system's. */
  readonly ca: string | undefined
  readonly rejectUnauthorized: boolean
  readonly from: string
  /** Shown before the address; undefined: none. */
  readonly fromName: string | undefined
  readonly replyTo: string | undefined
  /** Where bounces go, to which a token of the message is added; undefined: to {@link from}, without one. */
  readonly bounceAddress: string | undefined
  /** Key of the tokens; undefined: there are none, and bounces are not taken. */
  readonly bounceSecret: string | undefined
  /** Servers are asked to report what they have delivered. */
  readonly notifySuccess: boolean
  readonly callback: CallbackTerms
  /** Where bounces are taken over SMTP; undefined: nowhere. */
  readonly bounces: BouncePortConfig | undefined
  /** Subject of all mails; undefined: the first line of the text. */
  readonly subject: string | undefined
  readonly dkim:
    | { readonly domain: string; readonly selector: string; readonly key: string }
    | undefined
  /** Connections kept open, each with one mail at a time. */
  readonly connections: number
  readonly mailsPerConnection: number
  /** 0: no limit is known. */
  readonly mailsPerSecond: number
  readonly timeoutMs: number
}

const LINE = /^[^\r\n]{1,200}$/
const LINE_ALLOWED = '1 to 200 characters in one line'
// RFC 5321, section 4.5.3.1.1: 64 octets before the `@`, of which `+` and the token take 49.
const BOUNCE_ADDRESS = /^[^\s@<>,;+]{1,15}@[^\s@<>,;]{1,190}$/
const BOUNCE_ADDRESS_ALLOWED = 'a mail address with up to 15 characters, none a "+", before the "@"'
const DOMAIN = /^[A-Za-z0-9._-]{1,253}$/
const DOMAIN_ALLOWED = 'a domain name'

/** A carrier that takes mails over SMTP, as it is written in the file. */
export const smtpCarrierSchema = mapping({
  ...carrierTermsShape,
  type: z.literal('smtp'),
  ...mailServerShape,
  ca: optionalText(FILE, FILE_ALLOWED, {
    about: "Certificate authorities to trust instead of the system's.",
  }),
  reject_unauthorized: flag(true, {
    about: 'Refuse a server whose certificate cannot be verified.',
  }),
  from: requiredText(MAIL_ADDRESS, MAIL_ADDRESS_ALLOWED, { about: 'Sender of the mails.' }),
  from_name: optionalText(LINE, LINE_ALLOWED, { about: 'Name shown with that address.' }),
  reply_to: optionalText(MAIL_ADDRESS, MAIL_ADDRESS_ALLOWED, { about: 'Where replies go.' }),
  bounce_address: optionalText(BOUNCE_ADDRESS, BOUNCE_ADDRESS_ALLOWED, {
    about:
      'Where bounces go, with `+` and a token of the message before the `@`; left out, to `from`, and only the mail that they return says of which message they are. Needs `bounce_secret`.',
  }),
  bounce_secret: optionalText(
    /^[\x21-\x7e]{16,128}$/,
    '16 to 128 ASCII characters without blanks',
    {
      about:
        'Key of the tokens by which bounces are known; without it none are taken. After a change, bounces of mails sent before are not known any more.',
      isSecret: true,
    },
  ),
  notify_success: flag(false, {
    about:
      'Ask servers to report what they have delivered, too (RFC 3461); few beyond your own do. Needs `bounce_secret`.',
  }),
  bounces: setting(
    mapping({
      host: text(HOST, HOST_ALLOWED, '0.0.0.0', { about: 'Address to listen on.' }),
      port: requiredInteger(1, 65_535, { about: 'Its port.' }),
    }).optional(),
    {
      about:
        'Takes bounces over SMTP, without TLS and for return paths of this carrier only; needs `bounce_address`.',
      allowed: 'a mapping',
      defaultText: 'none',
    },
  ),
  ...callbackTermsShape,
  subject: optionalText(LINE, LINE_ALLOWED, {
    about: 'Subject of mails; left out, the first line of the text.',
  }),
  dkim: setting(
    mapping({
      domain: requiredText(DOMAIN, DOMAIN_ALLOWED, { about: 'Domain that signs (`d=`).' }),
      selector: requiredText(DOMAIN, 'a selector', { about: 'Name of the key there (`s=`).' }),
      key: requiredText(FILE, FILE_ALLOWED, { about: 'The private key.', isSecret: true }),
    }).optional(),
    {
      about: 'Signs mails (RFC 6376); left out, the mail server does it, or nobody.',
      allowed: 'a mapping',
      defaultText: 'none',
    },
  ),
  connections: integer(1, 100, 5, { about: 'Connections kept open, each with a mail at a time.' }),
  mails_per_connection: integer(1, 10_000, 100, {
    about: 'Mails after which a connection is closed and opened anew.',
    unit: 'mails',
  }),
  mails_per_second: integer(0, 10_000, 0, {
    about: 'Agreed mails per second; 0: no limit is known.',
    unit: 'mails per second',
  }),
  timeout_seconds: integer(1, 600, 60, {
    about: 'Wait for a connection, and for an answer of the server on it.',
    unit: 'seconds',
  }),
})

/** A carrier as the file has it, its keys read from their files by `pem`. */
export function toSmtpCarrier(
  carrier: z.output<typeof smtpCarrierSchema>,
  pem: (value: string | undefined, path: string) => string | undefined,
): SmtpCarrierConfig {
  const { dkim } = carrier
  return {
    ...toTerms(carrier),
    type: 'smtp',
    server: toMailServer(carrier),
    ca: pem(carrier.ca, 'ca'),
    rejectUnauthorized: carrier.reject_unauthorized,
    from: carrier.from,
    fromName: carrier.from_name,
    replyTo: carrier.reply_to,
    bounceAddress: carrier.bounce_address,
    bounceSecret: carrier.bounce_secret,
    notifySuccess: carrier.notify_success,
    callback: toCallbackTerms(carrier),
    bounces: carrier.bounces,
    subject: carrier.subject,
    dkim: dkim && {
      domain: dkim.domain,
      selector: dkim.selector,
      key: pem(dkim.key, 'dkim.key') ?? '',
    },
    connections: carrier.connections,
    mailsPerConnection: carrier.mails_per_connection,
    mailsPerSecond: carrier.mails_per_second,
    timeoutMs: carrier.timeout_seconds * 1_000,
  }
}

/** What is wrong with a carrier of mails as a whole: settings of bounces that are of no use without another. */
export function smtpCarrierMistakes(
  path: readonly PropertyKey[],
  carrier: Readonly<Record<string, unknown>>,
): Mistake[] {
  const told = (key: string) => carrier[key] !== undefined && carrier[key] !== false
  return Object.entries(BOUNCE_NEEDS).flatMap(([key, [needed, what]]) => {
    if (!told(key) || told(needed)) return []
    const message = `needs ${pathText([...path, needed])}, ${what}`
    return [{ path: pathText([...path, key]), message }]
  })
}

const THE_KEY = ['bounce_secret', 'the key of the tokens'] as const
const BOUNCE_NEEDS: Readonly<Record<string, readonly [needed: string, what: string]>> = {
  bounce_address: THE_KEY,
  notify_success: THE_KEY,
  callback_secret: THE_KEY,
  bounces: ['bounce_address', 'to which they come'],
}
