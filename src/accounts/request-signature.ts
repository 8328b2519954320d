import { createHmac, hash, type KeyObject, timingSafeEqual } from 'node:crypto'

/** What signs a request, as its headers have it. */
export interface SignatureHeaders {
  /** `X-Timestamp`. */
  readonly timestamp: string | undefined
  /** `X-Nonce`; undefined: the short form. */
  readonly nonce: string | undefined
  /** `X-Signature`. */
  readonly signature: string | undefined
}

/** A signature that can be compared. */
export interface RequestSignature {
  /** As it was sent, because that is what was signed. */
  readonly timestamp: string
  readonly atMs: number
  readonly nonce: string | undefined
  /** 32 octets. */
  readonly digest: Buffer
}

/** What a signature in the full form is made of. */
export interface SignedRequest {
  /** In capitals. */
  readonly method: string
  /** The path with its query, as it stands in the request line. */
  readonly target: string
  readonly body: Uint8Array
}

const DIGEST_OCTETS = 32
const HEX = /^[0-9a-f]{64}$/i
const BASE64 = /^[A-Za-z0-9+/_-]{43}=?$/
const NONCE = /^[\x21-\x7e]{1,128}$/
const SECONDS = /^\d{9,11}$/
/** As seconds the first of these is in the year 5138, as milliseconds in 1973. */
const MILLISECONDS = /^\d{12,14}$/

/** What the headers say; undefined when one is missing or malformed. */
export function readSignature(headers: SignatureHeaders): RequestSignature | undefined {
  const { timestamp, nonce, signature } = headers
  if (timestamp === undefined || signature === undefined) return undefined
  if (nonce !== undefined && !NONCE.test(nonce)) return undefined
  const atMs = readTimestamp(timestamp)
  const digest = readDigest(signature)
  if (atMs === undefined || digest === undefined) return undefined
  return { timestamp, atMs, nonce, digest }
}

/** What is signed in the full form. */
export function fullContent(
  { method, target, body }: SignedRequest,
  timestamp: string,
  nonce: string,
): string {
  return [method, target, timestamp, nonce, hash('sha256', body, 'hex')].join('\n')
}

/** What is signed in the short form: neither the request nor its body. */
export function shortContent(appKey: string, timestamp: string): string {
  return `app_key=${appKey}&timestamp=${timestamp}`
}

/** True when one of the secrets has signed the content; takes as long whichever octets differ. */
export function isSignedBy(
  secrets: readonly KeyObject[],
  content: string,
  { digest }: Pick<RequestSignature, 'digest'>,
): boolean {
  let isSigned = false
  for (const secret of secrets) {
    const expected = createHmac('sha256', secret).update(content).digest()
    if (timingSafeEqual(expected, digest)) isSigned = true
  }
  return isSigned
}

function readTimestamp(text: string): number | undefined {
  if (SECONDS.test(text)) return Number(text) * 1_000
  return MILLISECONDS.test(text) ? Number(text) : undefined
}

function readDigest(text: string): Buffer | undefined {
  if (HEX.test(text)) return Buffer.from(text, 'hex')
  if (!BASE64.test(text)) return undefined
  // Node reads the alphabet for URLs, too.
  const digest = Buffer.from(text, 'base64')
  return digest.length === DIGEST_OCTETS ? digest : undefined
}
