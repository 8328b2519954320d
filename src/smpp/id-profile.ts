import { createHash } from 'node:crypto'

/**
 * How a carrier spells one message id in its responses and in its receipts.
 *
 * - `exact`: the same text; case may differ
 * - `strip-zeros`: decimal, with leading zeros on one side only
 * - `resp-hex`: hexadecimal in the response, decimal in the receipt
 * - `resp-dec`: decimal in the response, hexadecimal in the receipt
 */
export type IdProfile = 'exact' | 'strip-zeros' | 'resp-hex' | 'resp-dec'

/** Every profile, in the order of the type. */
export const ID_PROFILES: readonly IdProfile[] = ['exact', 'strip-zeros', 'resp-hex', 'resp-dec']

const DECIMAL = /^[0-9]+$/
const HEXADECIMAL = /^[0-9a-f]+$/
/** Longer numbers are not converted; the specification allows 64 characters. */
const MAX_NUMBER_LENGTH = 64
/** Longer keys are hashed, so that no peer can send one that an index refuses. */
const MAX_KEY_LENGTH = 128

/**
 * The key to store with an attempt, made from the id of its response.
 *
 * Store the id itself verbatim beside it: ids that differ only in leading zeros share a key, and
 * {@link idsMatch} then tells them apart.
 */
export function responseKey(id: string, profile: IdProfile): string {
  return keyOf(id.toLowerCase(), profile)
}

/**
 * The keys under which the attempt of a receipt may be stored, most likely first.
 *
 * Look for all of them and keep the rows that {@link idsMatch} accepts, in the order of the keys; a
 * row whose id is equal to the receipt's comes first.
 *
 * @param ids - what the receipt names: the TLV's id, then the text's
 * @returns no key twice; empty when `ids` is
 */
export function receiptKeys(ids: readonly string[], profile: IdProfile): string[] {
  const keys = new Set<string>()
  for (const id of ids) keys.add(keyOf(id.toLowerCase(), profile))
  for (const id of ids) {
    const converted = convertReceiptId(id.toLowerCase(), profile)
    if (converted !== undefined) keys.add(converted)
  }
  return [...keys]
}

/**
 * Whether a response and a receipt name the same message: equal texts in any case, or the
 * profile's one conversion. Nothing is guessed, because `10000000` is a number in both bases.
 */
export function idsMatch(responseId: string, receiptId: string, profile: IdProfile): boolean {
  const response = responseId.toLowerCase()
  const receipt = receiptId.toLowerCase()
  if (response === receipt) return true
  const converted = convertReceiptId(receipt, profile)
  if (converted === undefined) return false
  const numeric = profile === 'resp-hex' ? HEXADECIMAL : DECIMAL
  return isNumber(response, numeric) && keyOf(response, profile) === converted
}

/** The key of an id that is spelt as responses spell it. */
function keyOf(id: string, profile: IdProfile): string {
  if (profile !== 'exact') {
    const numeric = profile === 'resp-hex' ? HEXADECIMAL : DECIMAL
    if (isNumber(id, numeric)) return stripZeros(id)
  }
  return id.length > MAX_KEY_LENGTH ? createHash('sha256').update(id).digest('hex') : id
}

/** The key of an id that is spelt as only receipts spell it; undefined when it is not. */
function convertReceiptId(id: string, profile: IdProfile): string | undefined {
  switch (profile) {
    case 'exact':
      return undefined
    case 'strip-zeros':
      return isNumber(id, DECIMAL) ? stripZeros(id) : undefined
    case 'resp-hex':
      return isNumber(id, DECIMAL) ? BigInt(id).toString(16) : undefined
    case 'resp-dec':
      return isNumber(id, HEXADECIMAL) ? BigInt(`0x${id}`).toString() : undefined
  }
}

function isNumber(id: string, pattern: RegExp): boolean {
  return id.length <= MAX_NUMBER_LENGTH && pattern.test(id)
}

function stripZeros(digits: string): string {
  return digits.replace(/^0+(?=.)/, '')
}
