import type { SmtpCarrierConfig } from '../config/smtp-carriers.ts'
import {
  type ErrorRow,
  type ErrorTable,
  errorInfo,
  type ProviderErrorInfo,
  type RawError,
} from '../providers/provider-error.ts'
import { bounceToken, keyOfToken } from './bounce-token.ts'
import type { OutboundMessage } from './carrier.ts'
import { textOf } from './http-layout.ts'

/** Every mail server takes every text. */
export const SMTP_LAYOUT_KEY = 'smtp'

const MAX_SUBJECT_CHARACTERS = 200

/** An error of nodemailer, in the fields that say what it is. */
export interface SmtpError {
  readonly code?: string | undefined
  /** What the server has answered with. */
  readonly responseCode?: number | undefined
  readonly response?: unknown
  readonly command?: string | undefined
  readonly message: string
}

/**
 * Answers of servers and codes of nodemailer.
 *
 * 450 and 452 are of one mailbox, or of one server behind this one: what is put off there is no matter of this
 * carrier's pace.
 */
export const SMTP_ERRORS: ErrorTable = {
  421: ['provider', true],
  450: ['rate_limit', true, 'recipient_busy'],
  451: ['provider', true],
  452: ['rate_limit', true, 'recipient_busy'],
  454: ['auth', true],
  530: ['auth', false],
  535: ['auth', false],
  550: ['invalid', false, 'recipient_unknown'],
  552: ['invalid', false, 'message_length_invalid'],
  553: ['invalid', false, 'destination_invalid'],
  554: ['content_rejected', false],
  EAUTH: ['auth', false],
  ENOAUTH: ['auth', false],
  EOAUTH2: ['auth', true],
  EDNS: ['network', true],
  ECONNECTION: ['network', true],
  ESOCKET: ['network', true],
  ETLS: ['network', false],
  ETIMEDOUT: ['timeout', true],
  EENVELOPE: ['invalid', false, 'destination_invalid'],
  EMESSAGE: ['content_rejected', false],
  EPROTOCOL: ['provider', true],
}

/** What was refused while it was said who we are, whatever the number. */
const LOGIN = /^AUTH\b/

/** What an error means: by the enhanced status, then by the server's number, then by nodemailer's code. */
export function classifySmtp(error: SmtpError): ProviderErrorInfo {
  return errorInfo(rowOf(error))
}

function rowOf({ code = '', responseCode, response, command = '' }: SmtpError): ErrorRow {
  const known = (key: string) => (Object.hasOwn(SMTP_ERRORS, key) ? SMTP_ERRORS[key] : undefined)
  if (responseCode === undefined || code === 'ETLS')
    return known(code) ?? ['provider', false, 'carrier_specific']
  if (LOGIN.test(command)) return ['auth', responseCode < 500]
  return (
    rowOfEnhanced(enhancedStatus(response)) ??
    known(String(responseCode)) ??
    (responseCode < 500 ? ['provider', true] : ['invalid', false])
  )
}

/** @see RFC 3463, sections 3.2, 3.3 and 3.8 */
function rowOfEnhanced(status: string | undefined): ErrorRow | undefined {
  if (status === undefined) return undefined
  if (/^[45]\.2\.2$/.test(status)) return ['provider', true, 'recipient_busy']
  if (/^5\.1\./.test(status)) return ['invalid', false, 'recipient_unknown']
  if (/^5\.7\./.test(status)) return ['content_rejected', false]
  // Greylisting.
  if (/^4\.7\./.test(status)) return ['rate_limit', true, 'recipient_busy']
  return undefined
}

/** The status behind the number of an answer, such as `5.1.1`. */
export function enhancedStatus(response: unknown): string | undefined {
  return typeof response === 'string'
    ? /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/.exec(response)?.[1]
    : undefined
}

/** An error as timelines and failure rules have it: the number and the enhanced status, or nodemailer's code. */
export function rawSmtpError({ code, responseCode, response, message }: SmtpError): RawError {
  if (responseCode === undefined) return { code: code ?? '', text: message, httpStatus: null }
  const status = enhancedStatus(response)
  return {
    code: status === undefined ? String(responseCode) : `${responseCode} ${status}`,
    text: typeof response === 'string' ? response : message,
    httpStatus: null,
  }
}

/** The id under which Postfix, and servers that answer as it does, have a mail in their logs. */
export function queueId(response: string): string | undefined {
  return /\bqueued as ([^\s<>]{1,64})/i.exec(response)?.[1]
}

/** The envelope's sender: bounces come back to it, with the token of their message. */
export function envelopeSender(
  config: Pick<SmtpCarrierConfig, 'name' | 'from' | 'bounceAddress' | 'bounceSecret'>,
  messageId: string,
): string {
  const { bounceAddress, from } = config
  if (bounceAddress === undefined) return from
  const token = bounceToken(config, messageId)
  if (token === undefined) return bounceAddress
  const at = bounceAddress.lastIndexOf('@')
  return `${bounceAddress.slice(0, at)}+${token}${bounceAddress.slice(at)}`
}

/** Whether an address is an {@link envelopeSender} of this carrier, with a token; servers may have changed its case. */
export function isReturnPath(
  config: Pick<SmtpCarrierConfig, 'name' | 'bounceAddress' | 'bounceSecret'>,
  address: string,
): boolean {
  const token = /\+([0-9a-f]+)@/i.exec(address)?.[1] ?? ''
  const without = address.replace(`+${token}@`, '@').toLowerCase()
  return without === config.bounceAddress?.toLowerCase() && keyOfToken(config, token) !== undefined
}

/** What servers that know RFC 3461 are asked to report, and by which id. */
function notificationOf({ notifySuccess }: SmtpCarrierConfig, token: string) {
  const always = ['failure', 'delay'] as const
  return {
    id: token,
    return: 'headers' as const,
    notify: notifySuccess ? ['success' as const, ...always] : [...always],
  }
}

/** A message as nodemailer takes it. */
export function mailOf(config: SmtpCarrierConfig, message: OutboundMessage) {
  const text = textOf(message)
  const firstLine = text.trim().split(/\r?\n/)[0] ?? ''
  const domain = config.from.slice(config.from.lastIndexOf('@') + 1)
  const token = bounceToken(config, message.id)
  return {
    envelope: { from: envelopeSender(config, message.id), to: message.to },
    from: { name: config.fromName ?? '', address: config.from },
    to: { name: '', address: message.to },
    ...(config.replyTo === undefined ? {} : { replyTo: config.replyTo }),
    subject: message.mail?.subject ?? config.subject ?? firstLine.slice(0, MAX_SUBJECT_CHARACTERS),
    text,
    ...(message.mail?.html ? { html: message.mail.html } : {}),
    // The same each time: where a mail came twice, mailboxes may show it once.
    messageId: `<${token ?? message.id}@${domain}>`,
    ...(token === undefined ? {} : { dsn: notificationOf(config, token) }),
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}
