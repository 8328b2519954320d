import type { FailureCode } from '../core/failure-code.ts'
import { parseBeijing } from './beijing-time.ts'
import { callbackQuery } from './callback-body.ts'
import { isSame } from './digests.ts'
import { ownEntry } from './own-entry.ts'
import {
  type Callbacks,
  type ProviderInbound,
  type ProviderReceipt,
  sharedKey,
  UnreadableCallbackError,
} from './provider.ts'
import { statusOfWord } from './receipt-word.ts'

/** The fields of a receipt or a message of a handset; empty for one that is missing. */
export type Field = (name: string) => string

/** E.164 with `+` from a number as the interface in question writes it; null where it is none. */
export type NumberReader = (written: string) => string | null

/** User name and password that the customer has chosen for what is pushed to it; both may be empty. */
export interface PushLogin {
  readonly receiver: string
  readonly password: string
}

/** Words that say more than that a message has failed; the others are judged by their form. */
const FAILURES: Readonly<Record<string, FailureCode>> = {
  MBBLACK: 'recipient_opted_out',
  SM11: 'destination_invalid',
  SM12: 'destination_invalid',
}

/** A receipt as it is pushed or fetched; `notifyTime` has seconds, `reportTime` has not. */
export function receiptOf(field: Field, numberOf: NumberReader): ProviderReceipt {
  const providerId = field('msgid') || field('msgId')
  const to = numberOf(field('mobile'))
  const word = field('status')
  if (providerId === '' || word === '') {
    throw new UnreadableCallbackError('it has no "msgid" or "status"')
  }
  return {
    providerId,
    matchKey: to === null ? providerId : sharedKey(providerId, to),
    to,
    status: statusOfWord(word),
    code: word,
    failure: ownEntry(FAILURES, word) ?? null,
    text: field('statusDesc'),
    at: parseBeijing(field('notifyTime')) ?? parseBeijing(field('reportTime')),
  }
}

/** A message of a handset as it is pushed or fetched: the two ways have other names for the same. */
export function inboundOf(field: Field, numberOf: NumberReader): ProviderInbound {
  const from = field('mobile')
  if (from === '') throw new UnreadableCallbackError('it has no "mobile"')
  return {
    id: null,
    from: numberOf(from) ?? from,
    to: field('destcode') || field('destCode') || field('spCode'),
    text: field('msg') || field('messageContent'),
    at: parseBeijing(field('moTime')),
  }
}

/**
 * What is pushed: a GET, with nothing to know it by but user name and password. The answer is documented for the
 * international interface; the domestic one is taken to want the same.
 */
export function callbacksWith(login: PushLogin, numberOf: NumberReader): Callbacks {
  const hasLogin = login.receiver !== '' || login.password !== ''
  return {
    ...(hasLogin ? { check: (request) => checkLogin(login, callbackQuery(request)) } : {}),
    read: (request) => {
      const query = callbackQuery(request)
      const field: Field = (name) => query.get(name) ?? ''
      return request.kind === 'mo'
        ? { receipts: [], inbound: [inboundOf(field, numberOf)] }
        : { receipts: [receiptOf(field, numberOf)], inbound: [] }
    },
    answer: () => ({ status: 200, contentType: 'text/plain', body: 'OK' }),
  }
}

function checkLogin({ receiver, password }: PushLogin, query: URLSearchParams) {
  // Both are compared, so that the time tells nothing of which one is wrong.
  const isReceiver = isSame(query.get('receiver') ?? '', receiver)
  const isPassword = isSame(query.get('pswd') ?? '', password)
  return isReceiver && isPassword
    ? ({ isGenuine: true, signedAt: null, nonce: null } as const)
    : ({ isGenuine: false, reason: '"receiver" or "pswd" is another one' } as const)
}
