import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/** Whether two texts are the same, in a time that tells nothing of where they differ. */
export function isSame(left: string, right: string): boolean {
  const [a, b] = [left, right].map((text) => createHash('sha256').update(text).digest())
  return a !== undefined && b !== undefined && timingSafeEqual(a, b)
}

/** Lower hexadecimal digits of a hash. */
export function hexHash(algorithm: 'md5' | 'sha1' | 'sha256', data: string | Buffer): string {
  return createHash(algorithm).update(data).digest('hex')
}

/** A message authentication code. */
export function hmac(algorithm: 'sha1' | 'sha256', key: string | Buffer, data: string | Buffer) {
  return createHmac(algorithm, key).update(data).digest()
}
