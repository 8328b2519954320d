/** What a mail server says of a mail that it had taken. */
export interface Bounce {
  /** See `bounceToken`; null: it went to another address, or to one without. */
  readonly token: string | null
  readonly recipients: readonly BouncedRecipient[]
}

/** The fields of one recipient, RFC 3464, section 2.3. */
export interface BouncedRecipient {
  /** The address, without its type. */
  readonly finalRecipient: string
  readonly action: 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded'
  /** Enhanced status, RFC 3463: `5.1.1`. */
  readonly status: string
  /** The other server's words, without their type; null where there are none. */
  readonly diagnostic: string | null
}

type Headers = ReadonlyMap<string, string>

const ACTIONS = ['failed', 'delayed', 'delivered', 'relayed', 'expanded'] as const
const TOKEN = /\+([0-9a-f]{32})@/i
/** A mail within a mail within a report is none of ours. */
const MAX_PARTS = 20

/**
 * Reads a mail as a delivery status notification; null where it is none: an answer of a person, or of a holiday.
 *
 * @param sentTo - the envelope's recipient: the address with the token
 * @see RFC 3464
 */
export function readBounce(mail: string, sentTo: string): Bounce | null {
  const [headers, body] = split(mail.replaceAll(/\r?\n/g, '\n'))
  const [type, parameters] = contentType(headers)
  if (type !== 'multipart/report' || parameters.get('report-type') !== 'delivery-status')
    return null
  const boundary = parameters.get('boundary')
  if (boundary === undefined || boundary === '') return null
  for (const part of partsOf(body, boundary)) {
    const [partHeaders, content] = split(part)
    if (contentType(partHeaders)[0] !== 'message/delivery-status') continue
    const recipients = recipientsOf(decoded(content, partHeaders))
    if (recipients.length === 0) return null
    return { token: TOKEN.exec(sentTo)?.[1]?.toLowerCase() ?? null, recipients }
  }
  return null
}

/** Blocks of fields, parted by empty lines: one of the mail, then one of each recipient. */
function recipientsOf(status: string): BouncedRecipient[] {
  const [, ...blocks] = status.trim().split(/\n(?:[ \t]*\n)+/)
  return blocks.flatMap((block) => {
    const fields = fieldsOf(block)
    const action = ACTIONS.find((each) => each === fields.get('action')?.toLowerCase())
    const [code] = /\b[245]\.\d{1,3}\.\d{1,3}\b/.exec(fields.get('status') ?? '') ?? []
    const finalRecipient = afterType(fields.get('final-recipient'))
    if (!action || code === undefined || finalRecipient === null) return []
    const diagnostic = afterType(fields.get('diagnostic-code'))
    return [{ finalRecipient, action, status: code, diagnostic }]
  })
}

/** `rfc822; name@host` and `smtp; 550 ...` without their types. */
function afterType(field: string | undefined): string | null {
  const value = field?.slice(field.indexOf(';') + 1).trim()
  return value === undefined || value === '' ? null : value
}

function split(entity: string): [headers: Headers, body: string] {
  const end = entity.indexOf('\n\n')
  const [head, body] = end < 0 ? [entity, ''] : [entity.slice(0, end), entity.slice(end + 2)]
  return [fieldsOf(head), body]
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

function contentType(headers: Headers): [type: string, parameters: Headers] {
  const [type = '', ...rest] = (headers.get('content-type') ?? '').split(';')
  const parameters = rest.map((each) => {
    const equals = each.indexOf('=')
    const value = each.slice(equals + 1).trim()
    return [each.slice(0, equals).trim().toLowerCase(), value.replace(/^"(.*)"$/, '$1')] as const
  })
  return [type.trim().toLowerCase(), new Map(parameters)]
}

function partsOf(body: string, boundary: string): string[] {
  const [, ...parts] = `\n${body}`.split(`\n--${boundary}`)
  return parts
    .filter((part) => !part.startsWith('--'))
    .slice(0, MAX_PARTS)
    .map((part) => part.slice(part.indexOf('\n') + 1))
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
