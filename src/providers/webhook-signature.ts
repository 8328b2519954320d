import { hmac } from './digests.ts'

/** Ways to sign what is sent to a webhook. */
export const WEBHOOK_SIGNATURES = ['standard', 'body', 'timestamp', 'none'] as const

/** See {@link WEBHOOK_SIGNATURES}. */
export type WebhookSignature = (typeof WEBHOOK_SIGNATURES)[number]

/** The form that `standard` secrets have. */
export const STANDARD_SECRET = /^whsec_[A-Za-z0-9+/]{22,88}={0,2}$/

/** What is signed. */
export interface SignedWebhook {
  readonly id: string
  /** Unix time in seconds. */
  readonly timestamp: string
  readonly body: string
}

/**
 * The header `webhook-signature`.
 *
 * @param secret - of the form {@link STANDARD_SECRET}
 * @see https://github.com/standard-webhooks/standard-webhooks
 */
export function standardSignature(secret: string, { id, timestamp, body }: SignedWebhook): string {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
  return `v1,${hmac('sha256', key, `${id}.${timestamp}.${body}`).toString('base64')}`
}

/** The header `x-hub-signature-256`, as GitHub has it: nothing tells an old request from a new one. */
export function bodySignature(secret: string, body: string): string {
  return `sha256=${hmac('sha256', secret, body).toString('hex')}`
}

/** The value `v1` of the header `linehaul-signature`, which has the form of Stripe's. */
export function timestampSignature(
  secret: string,
  { timestamp, body }: Pick<SignedWebhook, 'timestamp' | 'body'>,
): string {
  return hmac('sha256', secret, `${timestamp}.${body}`).toString('hex')
}

/** The headers that sign a request in one of the ways. */
export function signatureHeaders(
  way: WebhookSignature,
  secret: string,
  signed: SignedWebhook,
): Readonly<Record<string, string>> {
  switch (way) {
    case 'standard':
      return { 'webhook-signature': standardSignature(secret, signed) }
    case 'body':
      return { 'x-hub-signature-256': bodySignature(secret, signed.body) }
    case 'timestamp':
      return {
        'linehaul-signature': `t=${signed.timestamp},v1=${timestampSignature(secret, signed)}`,
      }
    case 'none':
      return {}
  }
}
