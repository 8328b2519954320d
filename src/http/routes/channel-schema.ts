import { z } from '@hono/zod-openapi'
import { CHANNELS, type Channel } from '../../core/channel.ts'
import { DEFAULT_CAUSES, FALLBACK_CAUSES } from '../../core/fallback.ts'

/** Longest recipient of any channel. */
const recipient = z.string().max(500)

/** Recipients in one call at most. */
export const MAX_RECIPIENTS = 1_000

const WANTED_TO = `give one recipient, a list of 1 to ${MAX_RECIPIENTS} recipients, or with "channels" a recipient for each`

/** A text for each channel of a chain. */
function byChannel<Text extends z.ZodType>(text: Text, error?: string) {
  const each = text.optional()
  return z.strictObject(
    { sms: each, email: each, wecom: each, dingtalk: each, webhook: each },
    error === undefined ? {} : { error },
  )
}

const SUBJECT = /^[^\p{Cc}]{1,200}$/u
const WANTED_SUBJECT = '1 to 200 characters on one line'
const WANTED_CHANNELS = `2 to ${CHANNELS.length} channels of ${CHANNELS.join(', ')}, each once`
const WANTED_CAUSES = `a list of ${FALLBACK_CAUSES.join(', ')}`

/** By which way a message goes. */
export const channel = z.enum(CHANNELS)

/** What a message that is to be sent says of channels, senders and recipients. */
export const channelFields = {
  channel: channel.optional().openapi({
    description:
      'By which way it goes, sms unless told otherwise; docs/channels.md says what `to` and `from` are for each.',
  }),
  channels: z
    .array(channel, { error: WANTED_CHANNELS })
    .min(2, WANTED_CHANNELS)
    .max(CHANNELS.length, WANTED_CHANNELS)
    .refine((channels) => new Set(channels).size === channels.length, WANTED_CHANNELS)
    .optional()
    .openapi({
      example: ['sms', 'email'],
      description:
        'Instead of `channel`: it goes by the first, and where it does not arrive, a message by the next is sent in its place.',
    }),
  to: z
    .union(
      [
        recipient,
        z.array(recipient).min(1, WANTED_TO).max(MAX_RECIPIENTS, WANTED_TO),
        byChannel(recipient),
      ],
      { error: WANTED_TO },
    )
    .openapi({
      example: '+447700900123',
      description:
        'Number in international form, or who else the channel reaches; or a list of up to 1,000. With `channels` a ' +
        'recipient for each of them.',
    }),
  from: z
    .union([z.string(), byChannel(z.string())], { error: 'a sender, or one for each channel' })
    .optional()
    .openapi({
      example: 'Linehaul',
      description:
        'Sender id: up to 11 characters, a number or a short code. For e-mail an address or a name, left out: that of ' +
        'the carrier; other channels have none. With `channels` one for all, or one for each.',
    }),
  subject: z
    .string({ error: WANTED_SUBJECT })
    .regex(SUBJECT, WANTED_SUBJECT)
    .optional()
    .openapi({ description: 'Of an e-mail with `text`; a template has its own.' }),
  fallback: z
    .strictObject({
      on: z
        .array(z.enum(FALLBACK_CAUSES, { error: WANTED_CAUSES }), { error: WANTED_CAUSES })
        .default([...DEFAULT_CAUSES])
        .openapi({ description: 'How a message must have ended for the next channel.' }),
      after_seconds: z.int().min(1).max(2_592_000).optional().openapi({
        description: 'Without a final receipt for so long the next channel is tried as well.',
      }),
    })
    .optional()
    .openapi({ description: 'When the next of `channels` is tried.' }),
}

interface Asked {
  readonly channel?: Channel | undefined
  readonly channels?: readonly Channel[] | undefined
  readonly to: string | readonly string[] | ByChannel
  readonly from?: string | ByChannel | undefined
  readonly subject?: string | undefined
  readonly text?: string | undefined
}

type ByChannel = Readonly<Partial<Record<Channel, string | undefined>>>

/** Says what does not fit together in {@link channelFields}. */
export function checkChannels(
  { channel: only, channels, to, from, subject, text }: Asked,
  refuse: (path: readonly string[], message: string) => void,
): void {
  const all = channels ?? [only ?? 'sms']
  if (only !== undefined && channels) refuse(['channel'], 'give it or "channels", not both')
  const isOne = typeof to === 'string' || isList(to)
  if (channels && isOne) refuse(['to'], `give a recipient for each: ${channels.join(', ')}`)
  if (!channels && !isOne) refuse(['to'], 'give "channels" with a recipient for each')
  if (channels && !isOne) checkEach('to', to, channels, refuse)
  if (!channels && typeof from === 'object') refuse(['from'], 'give one sender')
  if (channels && typeof from === 'object') checkKnown('from', from, channels, refuse)
  if (subject !== undefined && !all.includes('email')) {
    refuse(['subject'], 'only an e-mail has a subject')
  } else if (all.includes('email') && text !== undefined && subject === undefined) {
    refuse(['subject'], 'is missing: an e-mail with a "text" needs one')
  } else if (all.includes('email') && text === undefined && subject !== undefined) {
    refuse(['subject'], 'leave it out: a "template" has its own')
  }
}

/** Whether an SMS has its sender id; told of a body with other mistakes, too. */
export function hasSenderId({ channel: only, channels, from }: Partial<Asked>): boolean {
  const all: readonly unknown[] = Array.isArray(channels) ? channels : [only ?? 'sms']
  const senderId = typeof from === 'object' && from !== null ? from.sms : from
  return !all.includes('sms') || senderId !== undefined
}

function isList(to: Asked['to']): to is readonly string[] {
  return Array.isArray(to)
}

function checkEach(
  field: string,
  given: ByChannel,
  channels: readonly Channel[],
  refuse: (path: readonly string[], message: string) => void,
): void {
  for (const each of channels) {
    if (given[each] === undefined) refuse([field, each], 'is missing')
  }
  checkKnown(field, given, channels, refuse)
}

function checkKnown(
  field: string,
  given: ByChannel,
  channels: readonly Channel[],
  refuse: (path: readonly string[], message: string) => void,
): void {
  for (const each of CHANNELS) {
    if (given[each] === undefined || channels.includes(each)) continue
    refuse([field, each], 'is none of "channels"')
  }
}
