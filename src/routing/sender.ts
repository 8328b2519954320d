/** Who a message says it is from, as the address fields of a PDU want it. */
export interface Sender {
  readonly kind: 'alphanumeric' | 'number' | 'short_code'
  /** What stands in `source_addr`: the name, or digits without `+`. */
  readonly value: string
  readonly ton: number
  readonly npi: number
}

/** A sender id, or what would be right in its place. */
export type SenderResult =
  | { readonly ok: true; readonly sender: Sender }
  | { readonly ok: false; readonly reason: string }

const MAX_NAME = 11
const MAX_DIGITS = 15
const MIN_SHORT_CODE = 3
const MAX_SHORT_CODE = 8
// The GSM 7-bit basic set without its control characters (3GPP TS 23.038, section 6.2.1) and without
// its Greek letters: an address field of SMPP holds Latin-1.
const GSM_NAME = /^[ -#%-?A-Z_a-z@$£¥èéùìòÇØøÅåÆæßÉ¤¡ÄÖÑÜ§¿äöñüà]+$/
const LETTER = /\p{L}/u
const NUMBER_TEXT = /^\+?[\d\s().-]+$/

/**
 * Reads a sender id: a name, a number or a short code.
 *
 * Names have up to 11 Latin characters of the GSM 7-bit basic set, one of them a letter. Three to eight bare
 * digits are a short code; anything longer, or with `+` or `00`, is a number of up to 15 digits.
 */
export function parseSender(text: string): SenderResult {
  const trimmed = text.trim()
  if (trimmed === '') return refused('the sender is empty')
  if (NUMBER_TEXT.test(trimmed)) return digitsSender(trimmed)
  if (!LETTER.test(trimmed)) {
    return refused('a sender name needs at least one letter; a number may hold digits only')
  }
  if (!GSM_NAME.test(trimmed)) {
    return refused(
      'only Latin letters, digits and signs of the GSM 7-bit basic set may stand in a sender name',
    )
  }
  if (trimmed.length > MAX_NAME) {
    return refused(`a sender name has at most ${MAX_NAME} characters, this one ${trimmed.length}`)
  }
  return accepted('alphanumeric', trimmed, 5, 0)
}

/** Type of number of a sender in international form, SMPP v3.4 section 5.2.5. */
const INTERNATIONAL = 1

/** A sender as messages have it: a number in international form with `+`. */
export function senderText({ kind, value, ton }: Sender): string {
  return kind === 'number' && ton === INTERNATIONAL ? `+${value}` : value
}

function digitsSender(text: string): SenderResult {
  const all = text.replace(/\D+/g, '')
  const isInternational = text.startsWith('+') || all.startsWith('00')
  const digits = !text.startsWith('+') && all.startsWith('00') ? all.slice(2) : all
  if (digits.length > MAX_DIGITS) {
    return refused(`a sender number has at most ${MAX_DIGITS} digits, this one ${digits.length}`)
  }
  if (digits.length < MIN_SHORT_CODE) {
    return refused(`a sender of digits has at least ${MIN_SHORT_CODE}, this one ${digits.length}`)
  }
  if (!isInternational && digits.length <= MAX_SHORT_CODE)
    return accepted('short_code', digits, 3, 0)
  // A number that begins with the trunk zero is national, and of which country nobody can tell.
  return accepted('number', digits, digits.startsWith('0') ? 0 : 1, 1)
}

function accepted(kind: Sender['kind'], value: string, ton: number, npi: number): SenderResult {
  return { ok: true, sender: { kind, value, ton, npi } }
}

function refused(reason: string): SenderResult {
  return { ok: false, reason }
}
