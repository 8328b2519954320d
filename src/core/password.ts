import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'

/** What scrypt is to cost: memory and time grow with `N` times `r`, time with `p`. */
export interface PasswordCost {
  readonly N: number
  readonly r: number
  readonly p: number
}

/**
 * OWASP's figures for 16 MiB of memory: about a tenth of a second of one core.
 *
 * @see OWASP Password Storage Cheat Sheet, scrypt
 */
export const PASSWORD_COST: PasswordCost = { N: 16_384, r: 8, p: 5 }
const SALT_OCTETS = 16
const KEY_OCTETS = 32
/** Above this one bind could take the memory of the process. */
const MAX_MEMORY = 64 * 1024 * 1024
const MAX_PARALLEL = 16

const FORM =
  /^scrypt\$(\d{1,7})\$(\d{1,4})\$(\d{1,2})\$([A-Za-z0-9_-]{11,86})\$([A-Za-z0-9_-]{22,86})$/

interface StoredHash {
  readonly cost: PasswordCost
  readonly salt: Buffer
  readonly key: Buffer
}

/** The password in the form for a configuration file: `scrypt$N$r$p$salt$hash`, base64url. */
export async function hashPassword(password: string, cost = PASSWORD_COST): Promise<string> {
  const { N, r, p } = cost
  const salt = randomBytes(SALT_OCTETS)
  const key = await derive(password, { cost, salt, key: Buffer.alloc(KEY_OCTETS) })
  return ['scrypt', N, r, p, salt.toString('base64url'), key.toString('base64url')].join('$')
}

/** True for a text in the form of {@link hashPassword} whose cost can be paid. */
export function isPasswordHash(text: string): boolean {
  return readHash(text) !== undefined
}

/**
 * Whether a hash was made of this password. The work is done in a thread of libuv's pool, so the
 * event loop goes on meanwhile.
 *
 * @throws {RangeError} when the text is no hash
 */
export async function isPasswordOf(password: string, hash: string): Promise<boolean> {
  const stored = readHash(hash)
  if (!stored) throw new RangeError('this is no scrypt hash')
  return timingSafeEqual(await derive(password, stored), stored.key)
}

function readHash(text: string): StoredHash | undefined {
  const match = FORM.exec(text)
  if (!match) return undefined
  const [N = 0, r = 0, p = 0] = match.slice(1, 4).map(Number)
  const isPowerOfTwo = N >= 2 && (N & (N - 1)) === 0
  if (!isPowerOfTwo || r < 1 || p < 1 || p > MAX_PARALLEL || 128 * N * r > MAX_MEMORY) {
    return undefined
  }
  const [salt = '', key = ''] = match.slice(4)
  return {
    cost: { N, r, p },
    salt: Buffer.from(salt, 'base64url'),
    key: Buffer.from(key, 'base64url'),
  }
}

function derive(password: string, { cost, salt, key }: StoredHash): Promise<Buffer> {
  // Room for what scrypt needs besides the N blocks.
  const maxmem = 2 * MAX_MEMORY
  return new Promise((resolve, reject) => {
    scrypt(password, salt, key.length, { ...cost, maxmem }, (error, derived) => {
      if (error) reject(error)
      else resolve(derived)
    })
  })
}
