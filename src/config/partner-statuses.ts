import { z } from 'zod'
import { mapping, setting } from '../settings/field.ts'
import { statusCode } from '../smpp/status.ts'

/**
 * Refusals that a partner's software may expect with a `command_status` of its own: what it tells its users by it,
 * or does with the message, is its matter.
 */
export const RESPELLED_REFUSALS = [
  'balance_insufficient',
  'price_not_convertible',
  'quota_exceeded',
  'rate_limited',
  'message_over_limit',
  'queue_full',
  'busy',
  'no_route',
  'sender_not_allowed',
  'pumping_suspected',
  'loop_suspected',
] as const

/** What an account is answered with by the code of a refusal, where that is not the usual status. */
export type PartnerStatuses = Readonly<Partial<Record<string, number>>>

const OWN_STATUS = /^0x4[0-9A-Fa-f]{2}$/
const STATUS_ALLOWED =
  'a status of SMPP other than ESME_ROK, for example ESME_RSUBMITFAIL, or one of your own from 0x400 to 0x4FF'

const ABOUT: Readonly<Record<(typeof RESPELLED_REFUSALS)[number], string>> = {
  balance_insufficient: 'The balance does not pay for the message.',
  price_not_convertible: "The price cannot be brought into the account's currency.",
  quota_exceeded: 'A quota of the hour, day or month is used up.',
  rate_limited: 'There are too many in this second.',
  message_over_limit: 'The message is more than a limit has at all.',
  queue_full: 'Too many messages wait for their carriers.',
  busy: 'The database is behind.',
  no_route: 'No carrier takes the message.',
  sender_not_allowed: "The country's rules refuse the sender.",
  pumping_suspected: 'A guard suspects pumping.',
  loop_suspected: 'A guard suspects a loop.',
}

const shape = Object.fromEntries(
  RESPELLED_REFUSALS.map((code) => [code, status(ABOUT[code])]),
) as Record<(typeof RESPELLED_REFUSALS)[number], ReturnType<typeof status>>

/** The `statuses` of a partner. */
export const partnerStatusesSchema = setting(mapping(shape).prefault({}), {
  about: 'What refusals are answered with, where the partner expects another `command_status`.',
  allowed: 'a mapping',
  defaultText: '{}',
})

function status(about: string) {
  return setting(
    z.string({ error: STATUS_ALLOWED }).refine(isStatus, { error: STATUS_ALLOWED }).optional(),
    {
      about,
      allowed: STATUS_ALLOWED,
      defaultText: 'as usual',
      isText: true,
    },
  )
}

function isStatus(text: string): boolean {
  return numberOf(text) > 0
}

/** 0 where it is none. */
function numberOf(text: string): number {
  return OWN_STATUS.test(text) ? Number(text) : (statusCode(text) ?? 0)
}

/** The statuses of a partner without mistakes. */
export function toPartnerStatuses(
  file: ReturnType<(typeof partnerStatusesSchema)['parse']>,
): PartnerStatuses {
  const named = Object.entries(file).flatMap(([code, text]) =>
    text === undefined ? [] : [[code, numberOf(text)] as const],
  )
  return Object.fromEntries(named)
}
