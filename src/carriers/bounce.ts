import { UnreadableCallbackError } from '../providers/provider.ts'
import { TOKEN_DIGITS } from './bounce-token.ts'

/** What a mail server says of a mail that it had taken. */
export interface Bounce {
  /** What may be tokens of ours, most telling first: those of the return path, of the envelope, of the mail. */
  readonly tokens: readonly string[]
  /** The id of the reporting server's queue, where it tells one. */
  readonly queueId: string | null
  readonly recipients: readonly BouncedRecipient[]
}

/** The fields of one recipient, RFC 3464, section 2.3. */
export interface BouncedRecipient {
  /** The address, without its type. */
  readonly finalRecipient: string
  readonly action: 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded'
  /** Enhanced status, RFC 3463: `5.1.1`. */
  readonly status: string
  /** The other server's words in one line, without their type; null where there are none. */
  readonly diagnostic: string | null
}

type Headers = ReadonlyMap<string, string>

interface Part {
  readonly type: string
  readonly content: string
}

const ACTIONS = ['failed', 'delayed', 'delivered', 'relayed', 'expanded'] as const
// RFC 6533 has those of mails in UTF-8.
const STATUS_TYPES = ['message/delivery-status', 'message/global-delivery-status']
const RETURNED_TYPES = [
  'message/rfc822',
  'text/rfc822-headers',
  'message/global',
  'message/global-headers',
]
/** Where servers write whom they have delivered a mail to, the envelope before the header. */
const SENT_TO = ['delivered-to', 'x-original-to', 'envelope-to', 'x-envelope-to', 'to']
const TOKEN = `[0-9a-f]{${TOKEN_DIGITS}}`
const IN_ADDRESS = new RegExp(`\\+(${TOKEN})@`, 'i')
const AS_ENVELOPE_ID = new RegExp(`^(${TOKEN})$`, 'i')
const IN_MESSAGE_ID = new RegExp(`<(${TOKEN})@`, 'i')
/** A mail within a mail within a report is none of ours. */
const MAX_PARTS = 20
const MAX_RECIPIENTS = 100
const MAX_DIAGNOSTIC_CHARACTERS = 500

/**
 * Reads a mail as a delivery status notification; null for the answer of a machine, as of a holiday, which says
 * nothing of a delivery.
 *
 * @throws {UnreadableCallbackError} where it is neither, or does not say what became of whom
 * @see RFC 3464; RFC 3834, section 5 (automatic answers)
 */
export function readBounce(mail: string): Bounce | null {
  const [headers, body] = split(mail.replaceAll(/\r\n?/g, '\n').trimStart())
  const [type, parameters] = contentType(headers)
  if (type !== 'multipart/report' || !isOfDelivery(parameters)) {
    if (/^auto-/i.test(headers.get('auto-submitted') ?? '')) return null
    const found = type === '' ? 'a mail without a content type' : type.slice(0, 100)
    throw new UnreadableCallbackError(`${found} is no delivery status notification`)
  }
  const boundary = parameters.get('boundary')
  if (boundary === undefined || boundary === '') {
    throw new UnreadableCallbackError('the report has no boundary')
  }
  const parts = partsOf(body, boundary)
  const status = parts.find((part) => STATUS_TYPES.includes(part.type))
  if (!status) throw new UnreadableCallbackError('the report has no message/delivery-status')
  const [ofMail = new Map(), ...ofRecipients] = blocksOf(status.content)
  const recipients = ofRecipients.slice(0, MAX_RECIPIENTS).flatMap(recipientOf)
  if (recipients.length === 0) {
    const wanted = 'Final-Recipient, Action and Status'
    throw new UnreadableCallbackError(`the report has no recipient with ${wanted}`)
  }
  const returned = parts.find((part) => RETURNED_TYPES.includes(part.type))
  return {
    tokens: tokensOf(headers, ofMail, returned ? split(returned.content)[0] : new Map()),
    queueId: ofMail.get('x-postfix-queue-id') ?? null,
    recipients,
  }
}

function isOfDelivery(parameters: Headers): boolean {
  return parameters.get('report-type')?.toLowerCase() === 'delivery-status'
}

function tokensOf(headers: Headers, ofMail: Headers, ofReturned: Headers): string[] {
  const sentTo = SENT_TO.map((name) => [IN_ADDRESS, headers.get(name)] as const)
  const places = [
    ...sentTo,
    [AS_ENVELOPE_ID, ofMail.get('original-envelope-id')],
    // Google's servers return no Message-ID otherwise.
    [IN_MESSAGE_ID, ofMail.get('x-original-message-id')],
    [IN_MESSAGE_ID, ofReturned.get('message-id')],
  ] as const
  const found = places.flatMap(([pattern, value]) => pattern.exec(value ?? '')?.[1] ?? [])
  return [...new Set(found.map((token) => token.toLowerCase()))]
}

/** Blocks of fields, parted by empty lines: one of the mail, then one of each recipient. */
function blocksOf(status: string): Headers[] {
  return status
    .replaceAll(/^[ \t]+$/gm, '')
    .trim()
    .split(/\n\n+/)
    .map(fieldsOf)
}

function recipientOf(fields: Headers): BouncedRecipient[] {
  const action = ACTIONS.find((each) => each === fields.get('action')?.toLowerCase())
  const [status] = /\b[245]\.\d{1,3}\.\d{1,3}\b/.exec(fields.get('status') ?? '') ?? []
  const finalRecipient = afterType(fields.get('final-recipient'))
  if (!action || status === undefined || finalRecipient === null) return []
  const diagnostic = afterType(fields.get('diagnostic-code'))
  return [{ finalRecipient, action, status, diagnostic }]
}

/** `rfc822; name@host` and `smtp; 550 ...` without their types. */
function afterType(field: string | undefined): string | null {
  const value = field
    ?.slice(field.indexOf(';') + 1)
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim()
  if (value === undefined || value === '') return null
  return value.slice(0, MAX_DIAGNOSTIC_CHARACTERS)
}

function split(entity: string): [headers: Headers, body: string] {
  const end = entity.startsWith('\n') ? 0 : entity.indexOf('\n\n')
  if (end < 0) return [fieldsOf(entity), '']
  return [fieldsOf(entity.slice(0, end)), entity.slice(end).replace(/^\n\n?/, '')]
}

/** Names in lower case; of several with one name the first. */
function fieldsOf(block: string): Headers {
  const fields = new Map<string, string>()
  for (const line of block.replaceAll(/\n[ \t]+/g, ' ').split('\n')) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).trim().toLowerCase()
    if (colon > 0 && !fields.has(name)) fields.set(name, line.slice(colon + 1).trim())
  }
  return fields
}

/** RFC 2045, section 5.1: values may be quoted, and then have what parts them otherwise. */
const PARAMETER = /;\s*([^\s=;]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]*))/g

function contentType(headers: Headers): [type: string, parameters: Headers] {
  const value = headers.get('content-type') ?? ''
  const [type = ''] = value.split(';')
  const parameters = [...value.matchAll(PARAMETER)].map(
    ([, name = '', quoted, plain = '']) =>
      [name.toLowerCase(), quoted?.replaceAll(/\\(.)/g, '$1') ?? plain] as const,
  )
  return [type.trim().toLowerCase(), new Map(parameters)]
}

/** RFC 2046, section 5.1.1: what stands between whole lines with the boundary. */
function partsOf(body: string, boundary: string): Part[] {
  const parts: string[][] = []
  for (const line of body.split('\n')) {
    const end = line.trimEnd()
    if (end === `--${boundary}--`) break
    if (end !== `--${boundary}`) parts.at(-1)?.push(line)
    else if (parts.push([]) > MAX_PARTS) break
  }
  return parts.slice(0, MAX_PARTS).map((lines) => {
    const [headers, content] = split(lines.join('\n'))
    return { type: contentType(headers)[0], content: decoded(content, headers) }
  })
}

/** RFC 3464 wants 7 bits; Base64 and quoted-printable are seen all the same. */
function decoded(content: string, headers: Headers): string {
  const encoding = headers.get('content-transfer-encoding')?.toLowerCase()
  if (encoding === 'base64') {
    return Buffer.from(content, 'base64').toString('utf8').replaceAll('\r\n', '\n')
  }
  if (encoding !== 'quoted-printable') return content
  return content
    .replaceAll(/=\n/g, '')
    .replaceAll(/=([0-9A-F]{2})/gi, (_all, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
}
