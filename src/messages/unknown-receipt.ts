import { messageReference } from '../carriers/reference.ts'
import { parseNumber } from '../routing/number.ts'
import { parseSender } from '../routing/sender.ts'
import type { ReceiptEntry } from './journal.ts'
import type { Attempt, UncertainAttempt } from './live.ts'
import type { Message } from './message.ts'

/** How far a carrier's clock may be off, and its dates have minutes only. */
const DATE_SLACK_MS = 120_000

/** Time zones differ by quarters of an hour, from 12 hours behind UTC to 14 ahead. */
const ZONE_STEP_MS = 900_000
const ZONES_BEHIND = 48
const ZONES_AHEAD = 56

/** Fewer letters and digits say nothing about whose text it is. */
const MIN_TEXT = 3

/** The submit that a receipt without a known id belongs to, and what has told so. */
export interface UnknownMatch {
  readonly attempt: Attempt
  readonly by: 'address' | 'reference'
}

/**
 * Finds the submit of a receipt whose id nobody knows, because the response that would have brought
 * the id was lost.
 *
 * A reference that the carrier has repeated decides alone. Otherwise sender, date and text, as far as
 * the receipt has them, must fit, and all that fits must come to the same: either it is segments of
 * one message, or messages of one tenant that say the same to the same recipient. Of those the
 * oldest is taken, as the carrier got them in this order. Everything else is left undecided.
 *
 * @param candidates - submits to the receipt's recipient, at its carrier, whose outcome is unknown
 */
export function matchUnknown(
  receipt: ReceiptEntry,
  candidates: readonly UncertainAttempt[],
): UnknownMatch | undefined {
  const { about } = receipt
  if (!about) return undefined
  const earlier = candidates
    .filter(({ attempt }) => attempt.submittedAt <= receipt.receivedAt)
    .sort(bySubmit)
  if (about.reference !== null) {
    const named = earlier.find(
      ({ attempt, message }) => messageReference(message.id, attempt.segment) === about.reference,
    )
    return named && { attempt: named.attempt, by: 'reference' }
  }
  const text = plainText(textOf(receipt.rawText))
  const fitting = earlier.filter(
    ({ attempt, message }) =>
      isSameSender(about.sender, message.from) &&
      isSameTime(about.submittedAt, attempt.submittedAt) &&
      mayBegin(text, message),
  )
  const [first, ...others] = fitting
  if (!first || !others.every(({ message }) => isSameContent(message, first.message))) {
    return undefined
  }
  return { attempt: first.attempt, by: 'address' }
}

/** The digits of a recipient as E.164 has them, where they can be read so. */
export function recipientDigits(text: string): string {
  const parsed = parseNumber(text)
  return parsed.ok ? parsed.number.e164.slice(1) : text.replace(/\D+/g, '')
}

function bySubmit(a: UncertainAttempt, b: UncertainAttempt): number {
  return (
    a.attempt.submittedAt.getTime() - b.attempt.submittedAt.getTime() ||
    (a.message.id < b.message.id ? -1 : a.message.id > b.message.id ? 1 : 0) ||
    a.attempt.attempt - b.attempt.attempt ||
    a.attempt.segment - b.attempt.segment
  )
}

/** A receipt that names nobody may be anybody's. */
function isSameSender(told: string, sender: string): boolean {
  return told === '' || senderForm(told) === senderForm(sender)
}

function senderForm(text: string): string {
  const parsed = parseSender(text)
  return (parsed.ok ? parsed.sender.value : text).toLowerCase()
}

/** Carriers write their local time, and few say which. */
function isSameTime(told: Date | null, submittedAt: Date): boolean {
  if (told === null) return true
  const ahead = told.getTime() - submittedAt.getTime()
  const zone = Math.round(ahead / ZONE_STEP_MS)
  if (zone < -ZONES_BEHIND || zone > ZONES_AHEAD) return false
  return Math.abs(ahead - zone * ZONE_STEP_MS) <= DATE_SLACK_MS
}

/**
 * Whether a receipt's text can be the beginning of a message or of one of its segments.
 *
 * Only letters and digits of ASCII are compared: of everything else receipts hold what their carrier
 * made of it.
 */
function mayBegin(text: string, message: Message): boolean {
  if (text.length < MIN_TEXT || message.raw || !isAscii(message.text)) return true
  const whole = plainText(message.text)
  return message.segments > 1 ? whole.includes(text) : whole.startsWith(text)
}

function textOf(rawText: string): string {
  return /\btext:(.*)$/is.exec(rawText)?.[1] ?? ''
}

function plainText(text: string): string {
  return text.replace(/[^A-Za-z0-9]+/g, '').toLowerCase()
}

function isAscii(text: string): boolean {
  return /^\p{ASCII}*$/u.test(text)
}

function isSameContent(a: Message, b: Message): boolean {
  if (a.id === b.id) return true
  return (
    a.tenantId === b.tenantId && a.from === b.from && a.text === b.text && isSameRaw(a.raw, b.raw)
  )
}

function isSameRaw(a: Message['raw'], b: Message['raw']): boolean {
  return a === null || b === null ? a === b : a.octets.equals(b.octets)
}
