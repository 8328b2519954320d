const REPLACEMENT = 0xfffd
const SURROGATE = /[\ud800-\udfff]/
const LONE_SURROGATE = /\p{Surrogate}/gu

/**
 * Encodes text as UTF-16BE, which is what data_coding 8 (UCS-2) carries in practice.
 *
 * Lone surrogates become U+FFFD, so the octets are valid UTF-16 whatever the text was.
 */
export function encodeUcs2(text: string): Buffer {
  const octets = Buffer.allocUnsafe(text.length * 2)
  writeUcs2(text, octets, 0)
  return octets
}

/**
 * Writes what {@link encodeUcs2} gives into `target`, two octets per code unit.
 *
 * @returns the offset behind the last octet written
 */
export function writeUcs2(text: string, target: Uint8Array, offset: number): number {
  const { length } = text
  let end = offset
  for (let index = 0; index < length; index++) {
    let unit = text.charCodeAt(index)
    if ((unit & 0xf800) === 0xd800) {
      if (isSurrogatePair(text, index)) {
        target[end++] = unit >> 8
        target[end++] = unit & 0xff
        unit = text.charCodeAt(++index)
      } else {
        unit = REPLACEMENT
      }
    }
    target[end++] = unit >> 8
    target[end++] = unit & 0xff
  }
  return end
}

/**
 * Decodes UTF-16BE; never throws.
 *
 * A byte order mark is dropped, and the little-endian one is obeyed, because such senders exist. An
 * odd last octet is ignored; lone surrogates become U+FFFD.
 */
export function decodeUcs2(octets: Uint8Array): string {
  const mark = octets.length < 2 ? 0 : ((octets[0] as number) << 8) | (octets[1] as number)
  const littleEndian = mark === 0xfffe
  const start = littleEndian || mark === 0xfeff ? 2 : 0
  const units = Buffer.from(octets.subarray(start, octets.length & ~1))
  if (!littleEndian) units.swap16()
  return wellFormed(units.toString('utf16le'))
}

/** True when a high surrogate stands at `index` and its low one behind it. */
export function isSurrogatePair(text: string, index: number): boolean {
  return (
    (text.charCodeAt(index) & 0xfc00) === 0xd800 && (text.charCodeAt(index + 1) & 0xfc00) === 0xdc00
  )
}

/** The text with every lone surrogate replaced by U+FFFD. */
export function wellFormed(text: string): string {
  // The plain expression is many times faster, and most texts have no surrogates at all.
  return SURROGATE.test(text) ? text.replace(LONE_SURROGATE, '\ufffd') : text
}
