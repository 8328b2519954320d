/** Characters of a text that a pattern looks at. */
export const MOST_SEARCHED_CHARACTERS = 16_384

/**
 * Most ways in which a pattern may fit from one place. With the length of the text it bounds the time that a search
 * can take: less than half a second on a slow machine, for a text that was made to take it.
 */
const MOST_WAYS = 2_000

const TOO_MANY =
  `a regular expression with at most ${MOST_WAYS} ways to fit: its largest repetitions and the numbers of its ` +
  'alternatives, multiplied'

const UNIT =
  /\\[pP]\{[^}]*\}|\\k<|\\.|\[(?:\\.|[^\]\\])*\]|\((?:\?(?:<[A-Za-z]\w*>|:|<?[=!]))?|[)|]|[*+?]\??|\{(\d*)(,?)(\d*)\}\??|[\s\S]/g

/**
 * What is wrong with a regular expression of the configuration, as what would be right; undefined: nothing.
 *
 * The engine tries ways to fit one after the other, and what it searches comes from somebody else. So only what has
 * few ways is taken: every repetition has a maximum, none is of a group, and the product of all is bounded.
 */
export function patternMistake(source: string): string | undefined {
  try {
    new RegExp(source, 'u')
  } catch (error) {
    return `a regular expression; ${(error as Error).message}`
  }
  let ways = 1
  // Of each open group, how many alternatives it has.
  const alternatives = [1]
  let last = ''
  for (const [unit, least, comma, most] of source.matchAll(UNIT)) {
    if (/^\(\?<?[=!]/.test(unit)) return 'a regular expression without look-around'
    if (/^\\([1-9]|k<)/.test(unit)) return 'a regular expression without back-references'
    if (unit.startsWith('*') || unit.startsWith('+') || (comma && most === '')) {
      return `a regular expression whose repetitions have a maximum, such as {1,64} instead of ${unit}`
    }
    if (least !== undefined) {
      if (last === ')') return 'a regular expression without repetitions of groups'
      ways *= (comma ? Number(most) : Number(least)) + 1
    } else if (unit.startsWith('?')) {
      ways *= 2
    } else if (unit.startsWith('(')) {
      alternatives.push(1)
    } else if (unit === '|') {
      alternatives.push((alternatives.pop() ?? 1) + 1)
    } else if (unit === ')') {
      ways *= alternatives.pop() ?? 1
    }
    last = unit
  }
  ways *= alternatives.pop() ?? 1
  return ways > MOST_WAYS ? TOO_MANY : undefined
}

/** What the first group of a pattern has found, or all of it where it has none; undefined: nothing fits. */
export function foundBy(pattern: RegExp, text: string): string | undefined {
  const match = pattern.exec(text.slice(0, MOST_SEARCHED_CHARACTERS))
  return match ? (match[1] ?? match[0]) : undefined
}
