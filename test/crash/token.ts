/**
 * The mark by which a message is known on both sides of the gateway: `#r03-000127#`, the round in which
 * it was submitted and its number.
 *
 * It stands in the text so often that every segment of a long text has it whole.
 */
export function tokenOf(round: number, number: number): string {
  return `r${String(round).padStart(2, '0')}-${String(number).padStart(6, '0')}`
}

/** The first token of a text; undefined when it has none. */
export function tokenIn(text: string): string | undefined {
  return /#(r\d{2,}-\d{6,})#/.exec(text)?.[1]
}

/** The round in which a message of this token was submitted. */
export function roundOf(token: string): number {
  return Number(/^r(\d+)-/.exec(token)?.[1] ?? 0)
}

/** A message on both sides: its token, and its recipient with or without `+`. */
export function keyOf(token: string, to: string): string {
  return `${token} ${to.replace(/^\+/, '')}`
}

/** What the text of a message looks like. */
export type TextShape = 'short' | 'long' | 'wide' | 'wide_long'

/** A text that carries the token in every segment. */
export function textOf(token: string, shape: TextShape): string {
  const mark = `#${token}# `
  switch (shape) {
    case 'short':
      return `${mark}Your parcel arrives today.`
    case 'wide':
      return `${mark}包裹今天到达`
    case 'long':
      // Three segments of at most 153 characters.
      return mark.repeat(Math.floor(420 / mark.length))
    case 'wide_long':
      // Three segments of at most 67 characters.
      return `${mark}包裹 `.repeat(Math.floor(180 / (mark.length + 3)))
  }
}

/** Receipts a simulated carrier ends messages with. */
export type ReceiptState = 'DELIVRD' | 'UNDELIV' | 'EXPIRED'

/** The end that every carrier gives a message: told by its number, so that all segments agree. */
export function endOf(token: string): ReceiptState {
  const last = Number(token.slice(-2))
  if (last >= 95) return 'EXPIRED'
  return last >= 88 ? 'UNDELIV' : 'DELIVRD'
}
