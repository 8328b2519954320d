import type { SmtpCarrierConfig } from '../config/smtp-carriers.ts'
import { hmac, isSame } from '../providers/digests.ts'

/** What tokens are made with. */
type TokenTerms = Pick<SmtpCarrierConfig, 'name' | 'bounceSecret'>

/** 64 bits: each guess is a mail that somebody has to bring. */
const CODE_OCTETS = 8
const ID_DIGITS = 32
/** The hexadecimal digits of a token, for patterns. */
export const TOKEN_DIGITS = ID_DIGITS + 2 * CODE_OCTETS

/** What receipts of a message are matched by: its id without dashes, as tokens begin. */
export function bounceKey(messageId: string): string {
  return messageId.replaceAll('-', '')
}

/**
 * What a mail carries to be known by when it comes back; undefined where the carrier takes no bounces.
 *
 * The id alone would do to find the message, but its tenant knows it: the code behind it is what nobody can make who
 * has not got the mail.
 */
export function bounceToken(terms: TokenTerms, messageId: string): string | undefined {
  const { bounceSecret } = terms
  if (bounceSecret === undefined) return undefined
  const key = bounceKey(messageId)
  return key + codeOf(terms.name, bounceSecret, key)
}

/** The {@link bounceKey} that a token is of; undefined for one that this carrier has not made. */
export function keyOfToken({ name, bounceSecret }: TokenTerms, token: string): string | undefined {
  if (bounceSecret === undefined || token.length !== TOKEN_DIGITS) return undefined
  const lower = token.toLowerCase()
  const key = lower.slice(0, ID_DIGITS)
  return isSame(lower.slice(ID_DIGITS), codeOf(name, bounceSecret, key)) ? key : undefined
}

function codeOf(carrier: string, secret: string, key: string): string {
  return hmac('sha256', secret, `${carrier} ${key}`).subarray(0, CODE_OCTETS).toString('hex')
}
