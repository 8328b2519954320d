import { createHmac } from 'node:crypto'
import type { RefusalReason } from '../provider-desk.ts'
import type { ApiRequest, ProviderSimulator } from '../provider-server.ts'

/** How a receiver is set. */
export interface WebhookReceiver {
  readonly path: string
  readonly signature: 'standard' | 'body' | 'timestamp' | 'none'
  readonly secret: string
  readonly authorization?: string
  /** Tells the sender how long to wait when it is too fast, as `Retry-After`. */
  readonly retryAfter?: string
}

const STATUSES: Readonly<Record<RefusalReason, number>> = {
  rate_limit: 429,
  auth: 401,
  number: 422,
  template: 400,
  balance: 402,
  content: 422,
  unsubscribed: 410,
  internal: 503,
}

const TOLERANCE_SECONDS = 300

/** A receiver that believes only what is signed, and not five minutes later. */
export function webhookReceiver(receiver: WebhookReceiver): ProviderSimulator {
  return {
    name: 'webhook',
    answer: (request, desk) => {
      if (request.method !== 'POST' || request.path !== receiver.path) {
        return { status: 404, body: 'not found' }
      }
      const { authorization } = receiver
      if (authorization !== undefined && request.headers.authorization !== authorization) {
        return { status: 401, body: 'who are you?' }
      }
      const reason = webhookRefuses(receiver, request, desk.now)
      if (reason !== null) return { status: 401, body: reason }
      const message = JSON.parse(request.body.toString('utf8')) as Readonly<Record<string, unknown>>
      const verdict = desk.verdictFor(String(message.to))
      if (verdict.kind === 'refuse') {
        const status = Number(verdict.code ?? STATUSES[verdict.reason])
        const { retryAfter } = receiver
        const headers = retryAfter === undefined ? {} : { 'retry-after': retryAfter }
        return { status, headers, body: verdict.reason }
      }
      const id = String(request.headers['webhook-id'])
      desk.take({ id, to: String(message.to), content: message })
      return { status: 204, body: '' }
    },
    receiptPushes: () => [],
    inboundPush: () => undefined,
  }
}

/** What is wrong with the signature of a request; null: nothing. */
export function webhookRefuses(
  { signature, secret }: Pick<WebhookReceiver, 'signature' | 'secret'>,
  { headers, body }: Pick<ApiRequest, 'headers' | 'body'>,
  now: Date,
): string | null {
  if (signature === 'none') return null
  if (signature === 'body') {
    const right = createHmac('sha256', secret).update(body).digest('hex')
    return headers['x-hub-signature-256'] === `sha256=${right}` ? null : 'signature'
  }
  const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(headers['linehaul-signature'] ?? '') ?? []
  const timestamp = signature === 'standard' ? headers['webhook-timestamp'] : t
  if (timestamp === undefined) return 'timestamp'
  if (Math.abs(now.getTime() / 1_000 - Number(timestamp)) > TOLERANCE_SECONDS) return 'timestamp'
  if (signature === 'timestamp') {
    const right = createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest('hex')
    return v1 === right ? null : 'signature'
  }
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  const signed = createHmac('sha256', key)
    .update(`${headers['webhook-id']}.${timestamp}.`)
    .update(body)
    .digest('base64')
  // Several stand there while a key is changed.
  const values = (headers['webhook-signature'] ?? '').split(' ')
  return values.includes(`v1,${signed}`) ? null : 'signature'
}
