/** The stable codes of {@link EncodingError}. */
export type EncodingErrorCode =
  | 'text_not_encodable'
  | 'text_too_long'
  | 'options_invalid'
  | 'part_invalid'
  | 'udh_invalid'

/** What an {@link EncodingError} carries besides its code and message. */
export interface EncodingErrorDetails {
  /** The first character that cannot be written. */
  readonly character?: string
  /** Where `character` stands in the text, in UTF-16 code units. */
  readonly index?: number
  /** How many segments the text would take. */
  readonly segmentsNeeded?: number
  /** How many segments it may take. */
  readonly maxSegments?: number
  /** The error that led to this one. */
  readonly cause?: unknown
}

/**
 * Text or options that cannot be turned into octets; decoding never raises it.
 *
 * Codes: `text_not_encodable` (with `character` and `index`), `text_too_long` (with `segmentsNeeded`
 * and `maxSegments`), `options_invalid`, `part_invalid` (numbers of a segment that make no sense),
 * `udh_invalid` (a user data header that does not fit). The message holds one character of the text
 * at most.
 */
export class EncodingError extends Error {
  readonly code: EncodingErrorCode
  /** The same text and options fail again. */
  readonly retryable: boolean = false
  readonly character: string | undefined
  readonly index: number | undefined
  readonly segmentsNeeded: number | undefined
  readonly maxSegments: number | undefined

  constructor(code: EncodingErrorCode, message: string, details: EncodingErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = new.target.name
    this.code = code
    this.character = details.character
    this.index = details.index
    this.segmentsNeeded = details.segmentsNeeded
    this.maxSegments = details.maxSegments
  }
}

/** The `text_not_encodable` error for the character of `text` that stands at `index`. */
export function notEncodable(text: string, index: number, charset: string): EncodingError {
  const codePoint = text.codePointAt(index) ?? 0
  const character = String.fromCodePoint(codePoint)
  const number = codePoint.toString(16).toUpperCase().padStart(4, '0')
  return new EncodingError(
    'text_not_encodable',
    `U+${number} ${JSON.stringify(character)} at index ${index} cannot be written in ${charset}`,
    { character, index },
  )
}
