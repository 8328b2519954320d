import type { SmtpCarrierConfig } from '../config/smtp-carriers.ts'
import type { FailureCode } from '../core/failure-code.ts'
import {
  type Callbacks,
  type ProviderReceipt,
  UnreadableCallbackError,
} from '../providers/provider.ts'
import { knownFailure } from '../providers/provider-error.ts'
import { type Bounce, type BouncedRecipient, readBounce } from './bounce.ts'
import { keyOfToken } from './bounce-token.ts'
import { enhancedStatus, SMTP_ERRORS } from './smtp-mapping.ts'

/**
 * What the status of a bounce stands for: that of the detail, or else that of its subject. X is 4 for what was tried
 * until the server gave up, and 5 for what was refused at once.
 *
 * @see RFC 3463, sections 3.2 to 3.8
 */
export const BOUNCE_STATUSES: Readonly<Record<string, FailureCode>> = {
  'X.1': 'recipient_unknown',
  'X.1.3': 'destination_invalid',
  'X.1.7': 'sender_invalid',
  'X.1.8': 'sender_invalid',
  'X.2': 'undeliverable',
  'X.2.1': 'recipient_barred',
  'X.2.2': 'recipient_busy',
  'X.2.3': 'message_length_invalid',
  'X.3': 'carrier_error',
  'X.3.4': 'message_length_invalid',
  'X.4': 'network_error',
  'X.5': 'carrier_error',
  'X.6': 'encoding_refused',
  'X.7': 'content_rejected',
}

const STATUS_OF: Readonly<Record<BouncedRecipient['action'], ProviderReceipt['status']>> = {
  failed: 'failed',
  delivered: 'delivered',
  delayed: 'pending',
  // Behind it nobody reports.
  relayed: 'pending',
  expanded: 'pending',
}

/** A mail has one recipient; where that stands for several, what is worst for the sender is told. */
const ORDER = ['failed', 'delivered', 'delayed', 'relayed', 'expanded'] as const

/** How the bounces of a carrier are read; undefined where its mails have no tokens. */
export function bounceCallbacks(config: SmtpCarrierConfig): Callbacks | undefined {
  if (config.bounceSecret === undefined) return undefined
  return {
    read: ({ method, kind, body }) => {
      if (method !== 'POST' || kind !== 'delivery') {
        throw new UnreadableCallbackError('a bounce comes by POST, to /delivery')
      }
      const bounce = readBounce(body.toString('utf8'))
      return { receipts: bounce ? [receiptOfBounce(config, bounce)] : [], inbound: [] }
    },
    answer: () => ({ status: 200, contentType: null, body: '' }),
  }
}

/**
 * A bounce as a receipt of the message whose token it has.
 *
 * @throws {UnreadableCallbackError} where it has none of this carrier
 */
function receiptOfBounce(config: SmtpCarrierConfig, bounce: Bounce): ProviderReceipt {
  const [matchKey] = bounce.tokens.flatMap((token) => keyOfToken(config, token) ?? [])
  if (matchKey === undefined) {
    const found = bounce.tokens.length === 0 ? 'no token' : 'no token that this carrier has made'
    throw new UnreadableCallbackError(`the report has ${found}`)
  }
  const { action, status, diagnostic } = mostTelling(bounce.recipients)
  const told = { providerId: bounce.queueId ?? '', matchKey, to: null, at: null }
  const text = diagnostic ?? ''
  if (action !== 'failed') {
    return { ...told, status: STATUS_OF[action], code: status, failure: null, text }
  }
  return { ...told, status: 'failed', ...reasonOfBounce(status, text), text }
}

function mostTelling(recipients: readonly BouncedRecipient[]): BouncedRecipient {
  const [first] = recipients.toSorted((a, b) => ORDER.indexOf(a.action) - ORDER.indexOf(b.action))
  if (!first) throw new UnreadableCallbackError('the report has no recipient')
  return first
}

/**
 * Why a mail was not delivered: by its status, or, where that says nothing (`5.0.0`), by the answer of the other server.
 */
export function reasonOfBounce(
  status: string,
  diagnostic: string,
): { readonly code: string; readonly failure: FailureCode } {
  const byStatus = failureOfStatus(status)
  if (byStatus) return { code: status, failure: byStatus }
  const theirs = enhancedStatus(diagnostic)
  const byTheirs = theirs === undefined ? undefined : failureOfStatus(theirs)
  if (theirs !== undefined && byTheirs) return { code: theirs, failure: byTheirs }
  const [answer = ''] = /^[45]\d{2}(?=[ -])/.exec(diagnostic) ?? []
  const byAnswer = knownFailure(SMTP_ERRORS, answer)
  return byAnswer ? { code: answer, failure: byAnswer } : { code: status, failure: 'undeliverable' }
}

function failureOfStatus(status: string): FailureCode | undefined {
  const [, subject, detail] = status.split('.')
  return BOUNCE_STATUSES[`X.${subject}.${detail}`] ?? BOUNCE_STATUSES[`X.${subject}`]
}
