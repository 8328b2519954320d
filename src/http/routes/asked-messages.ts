import type { z } from '@hono/zod-openapi'
import type { Channel } from '../../core/channel.ts'
import { DEFAULT_CAUSES, type Fallback, type FallbackStep } from '../../core/fallback.ts'
import { distinctTags } from '../../core/message-tags.ts'
import type { MessageRequest } from '../../messages/message-request.ts'
import type { Templates } from '../../messages/templates.ts'
import { instant } from './message-body.ts'
import type { createMessage } from './message-schema.ts'

type Body = z.infer<typeof createMessage>

/** Who asks, and what messages may be made from. */
export interface Asker {
  readonly tenantId: string
  readonly keyName: string
  readonly templates: Pick<Templates, 'fill'>
}

/**
 * The messages that a call asks for: one for each recipient, or one by the first of its channels that falls back to the
 * others.
 *
 * @throws {GatewayError} what {@link Templates.fill} throws
 */
export function askedMessages(
  body: Body,
  asker: Asker,
): readonly [MessageRequest, ...MessageRequest[]] {
  const { channels, channel = 'sms', to } = body
  if (channels) {
    const [first = 'sms', ...others] = channels
    const steps = others.map((each) => stepOf(each, recipientOf(body, each), body, asker))
    const request = requestOf(stepOf(first, recipientOf(body, first), body, asker), body, asker)
    return [{ ...request, fallback: fallbackOf(body, steps) }]
  }
  const [first = '', ...others] = typeof to === 'string' ? [to] : Array.isArray(to) ? to : []
  // All say the same: the template is filled once.
  const request = requestOf(stepOf(channel, first, body, asker), body, asker)
  return [request, ...others.map((each) => ({ ...request, to: each }))]
}

function recipientOf({ to }: Body, channel: Channel): string {
  return typeof to === 'string' || Array.isArray(to) ? '' : (to[channel] ?? '')
}

function fallbackOf({ fallback }: Body, steps: readonly FallbackStep[]): Fallback {
  return {
    steps,
    on: fallback?.on ?? DEFAULT_CAUSES,
    afterSeconds: fallback?.after_seconds ?? null,
  }
}

function stepOf(
  channel: Channel,
  to: string,
  { from = '', subject, text, template: id, variables = {} }: Body,
  { tenantId, templates }: Asker,
): FallbackStep {
  const address = { channel, to, from: typeof from === 'string' ? from : (from[channel] ?? '') }
  if (id === undefined) {
    const isMail = channel === 'email' && subject !== undefined
    const mail = isMail ? { subject, html: null } : null
    return { ...address, text: text ?? '', mail, template: null }
  }
  const filled = templates.fill(tenantId, id, channel, variables)
  return { ...address, ...filled, template: { id, variables } }
}

function requestOf(step: FallbackStep, body: Body, { keyName }: Asker): MessageRequest {
  return {
    source: 'rest',
    partner: null,
    keyName,
    ...step,
    raw: null,
    passThrough: null,
    registeredDelivery: 0,
    encoding: body.encoding,
    trafficClass: body.traffic_class,
    tags: distinctTags(body.tags),
    expectsReply: body.expects_reply,
    maxSegments: body.max_segments ?? null,
    clientReference: body.client_reference ?? null,
    callbackUrl: body.callback_url ?? null,
    sendAt: instant(body.send_at) ?? null,
    validitySeconds: body.validity_seconds ?? null,
  }
}
