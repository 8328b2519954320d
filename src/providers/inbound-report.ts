import { type JsonObject, textOf } from './json.ts'
import { type ProviderInbound, UnreadableCallbackError } from './provider.ts'
import { e164Of } from './recipient.ts'

/** Names of the fields that say what a handset has sent. */
export interface InboundFields {
  readonly from: string
  readonly text: string
  /** Absent where the provider does not tell what it was sent to, or has no id. */
  readonly to?: string
  readonly id?: string
}

/**
 * A message of a handset as a Chinese provider reports it.
 *
 * @throws {UnreadableCallbackError} where it is of nobody
 */
export function inboundFrom(
  report: JsonObject,
  { from, text, to, id }: InboundFields,
  at: Date | null,
): ProviderInbound {
  const sender = textOf(report[from])
  if (sender === '') throw new UnreadableCallbackError(`an inbound message without "${from}"`)
  return {
    id: id === undefined ? null : textOf(report[id]) || null,
    from: e164Of(sender) ?? sender,
    to: to === undefined ? '' : textOf(report[to]),
    text: textOf(report[text]),
    at,
  }
}
