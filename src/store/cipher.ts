import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomFillSync,
} from 'node:crypto'
import { GatewayError } from '../core/errors.ts'

/** A key for values at rest. */
export interface CipherKey {
  /** 1 to 32 letters, digits, `-` or `_`; stored with every value sealed by it. */
  readonly id: string
  /** 32 octets. */
  readonly key: Buffer
}

/** Where a value is stored; a sealed value opens nowhere else. */
export interface SealContext {
  readonly tenantId: string
  readonly column: string
  /** The id of the row, where it is known when the value is sealed. */
  readonly rowId?: string
}

/** Seals texts and numbers before they are stored. */
export interface Cipher {
  /** Key that seals; undefined: values are written in the clear. */
  readonly activeKeyId: string | undefined
  /** The form of a text to be stored; lone surrogates become U+FFFD, as in any UTF-8. */
  seal(plain: string, context: SealContext): string
  /**
   * The text of a stored form; what was stored before encryption was switched on is given as it is.
   *
   * @throws {GatewayError} `encryption_key_unknown` when the key is not configured, and
   *   `decryption_failed` when the value was changed, belongs elsewhere or the key is another one.
   *   It is one row's trouble: whoever reads many must not give up all of them
   */
  open(stored: string, context: SealContext): string
  /** The stored form under the active key; undefined when it is so already. Throws as `open`. */
  reseal(stored: string, context: SealContext): string | undefined
  /** What is stored beside a sealed number to find it by; the number itself without active key. */
  fingerprint(number: string): string
  /** Everything that may stand for a number in rows written under any key, or before; to search. */
  fingerprints(number: string): string[]
}

const SEALED = 'enc:v1:'
/** Stands before a text that is in the clear and would look sealed. */
const CLEAR = 'enc:v0:'
const OURS = 'enc:'
const VERSIONED = /^enc:v\d+:/
const KEY_ID = /^[A-Za-z0-9_-]{1,32}$/
const KEY_OCTETS = 32
// NIST SP 800-38D, sections 5.2.1.1 and 8.2.2: 96 random bits, and the full tag.
const IV_OCTETS = 12
const TAG_OCTETS = 16
const POOLED_IVS = 1024

/** Writes in the clear; refuses to read what a key has sealed. */
export const NO_CIPHER: Cipher = makeCipher(new Map(), undefined)

/**
 * A cipher that seals with one key and opens with all of them: AES-256-GCM.
 *
 * The stored form is `enc:v1:<key id>:<base64url of iv, ciphertext and tag>`. One key is good for
 * 2^32 values (NIST SP 800-38D, section 8.3); after that another must become the active one.
 *
 * @param active - id of the key that seals; undefined: new values are written in the clear
 * @throws {GatewayError} `encryption_key_invalid` when a key or its id is malformed or there twice,
 *   `encryption_key_unknown` when the active one is not among the keys
 */
export function createCipher(keys: readonly CipherKey[], active: string | undefined): Cipher {
  const loaded = new Map<string, LoadedKey>()
  for (const { id, key } of keys) {
    if (!KEY_ID.test(id) || loaded.has(id)) {
      throw new GatewayError('encryption_key_invalid', `key id "${id}" is malformed or used twice`)
    }
    if (key.length !== KEY_OCTETS) {
      const found = `key "${id}" has ${key.length} octets, not ${KEY_OCTETS}`
      throw new GatewayError('encryption_key_invalid', found)
    }
    loaded.set(id, loadKey(id, key))
  }
  if (loaded.size === 0 && active === undefined) return NO_CIPHER
  return makeCipher(loaded, active === undefined ? undefined : findKey(loaded, active))
}

/**
 * Whether a stored form is another than the active key would give, for a rotation job.
 *
 * @param active - id of the key that seals; undefined: values are to be in the clear
 */
export function needsResealing(stored: string, active: string | undefined): boolean {
  return active === undefined
    ? stored.startsWith(SEALED)
    : !stored.startsWith(`${SEALED}${active}:`)
}

interface LoadedKey {
  readonly id: string
  readonly prefix: string
  readonly sealing: KeyObject
  readonly finding: KeyObject
}

function loadKey(id: string, key: Buffer): LoadedKey {
  // Two uses of one secret: the index must not be made with the very key that encrypts.
  const finding = hkdfSync('sha256', key, '', 'linehaul fingerprint v1', KEY_OCTETS)
  return {
    id,
    prefix: `${SEALED}${id}:`,
    sealing: createSecretKey(key),
    finding: createSecretKey(Buffer.from(finding)),
  }
}

function findKey(keys: ReadonlyMap<string, LoadedKey>, id: string): LoadedKey {
  const key = keys.get(id)
  if (!key) throw new GatewayError('encryption_key_unknown', `there is no encryption key "${id}"`)
  return key
}

function makeCipher(keys: ReadonlyMap<string, LoadedKey>, active: LoadedKey | undefined): Cipher {
  const takeIv = pooledIvs()
  const seal = active
    ? (plain: string, context: SealContext) => encrypt(active, takeIv(), plain, context)
    : (plain: string) => (plain.startsWith(OURS) ? CLEAR + plain : plain)

  function open(stored: string, context: SealContext): string {
    if (!stored.startsWith(OURS)) return stored
    if (stored.startsWith(CLEAR)) return stored.slice(CLEAR.length)
    if (!VERSIONED.test(stored)) return stored
    if (!stored.startsWith(SEALED)) throw unreadable(context)
    const end = stored.indexOf(':', SEALED.length)
    const id = stored.slice(SEALED.length, end)
    if (end < 0 || !KEY_ID.test(id)) throw unreadable(context)
    return decrypt(findKey(keys, id), stored.slice(end + 1), context)
  }

  return {
    activeKeyId: active?.id,
    seal,
    open,
    reseal: (stored, context) =>
      needsResealing(stored, active?.id) ? seal(open(stored, context), context) : undefined,
    fingerprint: (number) => (active ? fingerprintBy(active, number) : number),
    fingerprints: (number) => [
      number,
      ...[...keys.values()].map((key) => fingerprintBy(key, number)),
    ],
  }
}

function encrypt(key: LoadedKey, iv: Buffer, plain: string, context: SealContext): string {
  const cipher = createCipheriv('aes-256-gcm', key.sealing, iv, { authTagLength: TAG_OCTETS })
  cipher.setAAD(boundTo(context))
  const text = cipher.update(plain, 'utf8')
  cipher.final()
  return key.prefix + Buffer.concat([iv, text, cipher.getAuthTag()]).toString('base64url')
}

function decrypt(key: LoadedKey, coded: string, context: SealContext): string {
  const sealed = Buffer.from(coded, 'base64url')
  const tagAt = sealed.length - TAG_OCTETS
  if (tagAt < IV_OCTETS) throw unreadable(context)
  const iv = sealed.subarray(0, IV_OCTETS)
  const decipher = createDecipheriv('aes-256-gcm', key.sealing, iv, { authTagLength: TAG_OCTETS })
  decipher.setAAD(boundTo(context)).setAuthTag(sealed.subarray(tagAt))
  const text = decipher.update(sealed.subarray(IV_OCTETS, tagAt))
  try {
    decipher.final()
  } catch {
    throw unreadable(context)
  }
  return text.toString('utf8')
}

function fingerprintBy(key: LoadedKey, number: string): string {
  return `${key.id}:${createHmac('sha256', key.finding).update(number).digest('base64url')}`
}

/** The lengths keep the parts apart: no other context gives the same octets. */
function boundTo({ tenantId, column, rowId = '' }: SealContext): Buffer {
  return Buffer.from(`${tenantId.length}:${tenantId}${column.length}:${column}${rowId}`)
}

/** Names the place, never the value. */
function unreadable({ column, rowId }: SealContext): GatewayError {
  const where = rowId === undefined ? column : `${column} of ${rowId}`
  return new GatewayError('decryption_failed', `the stored value of ${where} cannot be opened`)
}

/** Random values, each given once; asking the system for many at a time is several times faster. */
function pooledIvs(): () => Buffer {
  const pool = Buffer.alloc(IV_OCTETS * POOLED_IVS)
  let used = pool.length
  return () => {
    if (used === pool.length) {
      randomFillSync(pool)
      used = 0
    }
    used += IV_OCTETS
    return pool.subarray(used - IV_OCTETS, used)
  }
}
