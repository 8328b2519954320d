/** One kind of replacement that was made. */
export interface Replacement {
  readonly from: string
  /** Empty where an invisible character was dropped. */
  readonly to: string
  readonly count: number
}

/** The text with its typography made plain, and what was changed, in order of first appearance. */
export interface PlainTypography {
  readonly text: string
  readonly replacements: readonly Replacement[]
}

/**
 * What each character becomes: the characters of a row all become the same.
 *
 * Only signs that a word processor puts in by itself and that mean the same when plain; no letter
 * loses its accent. Zero-width joiners stay, because scripts and emoji need them.
 */
const ROWS: readonly (readonly [characters: string, plain: string])[] = [
  ['\u2018\u2019\u201a\u201b\u2032\u2035\u02bc\u00b4\u0060', "'"],
  ['\u201c\u201d\u201e\u201f\u2033\u2036\u00ab\u00bb', '"'],
  ['\u2039', '<'],
  ['\u203a', '>'],
  ['\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043', '-'],
  ['\u2026', '...'],
  ['\u2022\u25cf\u25aa', '*'],
  ['\u2044\u2215', '/'],
  [
    '\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000',
    ' ',
  ],
  ['\t', ' '],
  ['\u0085\u2028\u2029', '\n'],
  ['\u00ad\u200b\u2060\ufeff', ''],
]

const PLAIN = new Map(
  ROWS.flatMap(([characters, plain]) => Array.from(characters, (character) => [character, plain])),
)

const TYPOGRAPHIC = new RegExp(`[${[...PLAIN.keys()].join('')}]`, 'g')
const NOTHING: readonly Replacement[] = []

/**
 * Replaces typographic characters that GSM-7 lacks by plain ones that it has: curly quotes, dashes,
 * the ellipsis, special spaces, soft hyphens.
 *
 * One curly apostrophe makes a text UCS-2 and more than doubles its segments. The replacement changes
 * what the sender wrote, so apply it only where the sender or the route asks for it.
 */
export function replaceTypography(text: string): PlainTypography {
  // Most texts have none, and to find that out is all that should be spent on them.
  if (text.search(TYPOGRAPHIC) < 0) return { text, replacements: NOTHING }
  const counts = new Map<string, number>()
  const plain = text.replace(TYPOGRAPHIC, (from) => {
    counts.set(from, (counts.get(from) ?? 0) + 1)
    return PLAIN.get(from) ?? from
  })
  const replacements = Array.from(counts, ([from, count]) => {
    return { from, to: PLAIN.get(from) ?? from, count }
  })
  return { text: plain, replacements }
}
