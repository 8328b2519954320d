/** What stands in the place of a secret. */
export const MASK = '<secret>'

/** JSON of a state that is longer says only how long it is. */
const MAX_CHARACTERS = 65_536
const MAX_TEXT = 1_000

/** Names of fields that hold secrets, in any spelling: `api_keys`, `signingSecret`, `previous_secret`. */
const SECRET_NAME =
  /passw(or)?d|passphrase|secret|api_?keys?$|admin_?keys?$|signing_?key|private_?key|token|authorization|credential/i

/** Fields about a secret that do not hold one. */
const HARMLESS_NAME = /_(until|at|hours)$/

/** Keys of ours, secrets of webhooks, and what stands before an `@` in a URL, wherever they stand. */
const SECRET_TEXT = /\blh_[\w-]{16,}|\bwhsec_[\w+/=-]{8,}|\bBearer\s+\S+/g
const USER_INFO = /:\/\/[^/?#\s@]+@/g
/** Many put a token into the query of an address. */
const QUERY = /(:\/\/[^\s?#]*)\?[^\s#]*/g

/** What the configuration shows in the place of a secret tells one from another, and may stay. */
const CONFIG_MASK = /^<secret:[0-9a-f]{12}>$/

// Half of a surrogate pair, or U+0000, comes back from the database as something else.
const UNSTORABLE = /\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/** A text as it may stand in the audit log: without keys, credentials and queries of addresses, not too long. */
export function maskedText(text: string): string {
  // What is cut off in the middle of a secret here is cut off as a whole below.
  const masked = text
    .slice(0, 2 * MAX_TEXT)
    .replace(SECRET_TEXT, MASK)
    .replace(USER_INFO, `://${MASK}@`)
    .replace(QUERY, `$1?${MASK}`)
  return masked.slice(0, MAX_TEXT).replace(UNSTORABLE, '\uFFFD')
}

/** A state as JSON with its secrets masked; null: there is none. */
export function maskedJson(value: unknown): string | null {
  if (value === undefined) return null
  const json = JSON.stringify(masked(value, ''))
  if (json.length <= MAX_CHARACTERS) return json
  return JSON.stringify({ left_out: 'it is too long', characters: json.length })
}

function masked(value: unknown, name: string): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') {
    return isSecretName(name) && typeof value === 'number' ? MASK : value
  }
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'string') return maskedValue(value, name)
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map((item) => masked(item, name))
  if (typeof value !== 'object') return null
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      maskedText(key),
      masked(member, isSecretName(name) ? name : key),
    ]),
  )
}

function maskedValue(text: string, name: string): string {
  if (!isSecretName(name)) return maskedText(text)
  return text === '' || CONFIG_MASK.test(text) ? text : MASK
}

function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) && !HARMLESS_NAME.test(name)
}
