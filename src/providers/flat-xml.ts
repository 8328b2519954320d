import { UnreadableCallbackError } from './provider.ts'

/** A document whose root has children with nothing but text in them. */
export interface FlatXml {
  readonly root: string
  /** The text of each child by its name. */
  readonly fields: ReadonlyMap<string, string>
}

const DECLARATION =
  /<\?xml\s+version="1\.[01]"(?:\s+encoding="([\w-]+)")?(?:\s+standalone="\w+")?\s*\?>/y
const SPACE = /\s*/y
const OPENING = /<([A-Za-z_][\w.-]*)\s*(\/?)>/y
const CLOSING = /<\/([A-Za-z_][\w.-]*)\s*>/y
const CDATA = /<!\[CDATA\[(.*?)\]\]>/sy
const CHARACTERS = /[^<&]+/y
const REFERENCE = /&(?:(amp|lt|gt|quot|apos)|#(\d{1,7})|#x([0-9a-fA-F]{1,6}));/y

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
}

/**
 * Reads flat XML, and refuses whatever else XML can be: document types and what they declare, attributes, comments,
 * processing instructions, children of children, two children of one name. So nothing is ever expanded or fetched.
 *
 * @throws {UnreadableCallbackError} with the place where it ends to be flat XML
 * @see https://www.w3.org/TR/xml/
 */
export function readFlatXml(text: string): FlatXml {
  const reader = new Reader(text.replace(/^\uFEFF/, ''))
  const encoding = reader.take(DECLARATION)?.[1] ?? 'UTF-8'
  if (encoding.toUpperCase() !== 'UTF-8') reader.fail(`UTF-8 instead of ${encoding}`)
  reader.take(SPACE)
  const [, root = '', isRootEmpty] = reader.take(OPENING) ?? reader.fail('an element')
  const fields = new Map<string, string>()
  while (isRootEmpty === '') {
    reader.take(SPACE)
    const end = reader.take(CLOSING)
    if (end) {
      if (end[1] !== root) reader.fail(`</${root}>`)
      break
    }
    const [, name = '', isEmpty] =
      reader.take(OPENING) ?? reader.fail('an element without attributes')
    if (fields.has(name)) reader.fail(`one <${name}>`)
    fields.set(name, isEmpty === '' ? contentOf(reader, name) : '')
  }
  reader.take(SPACE)
  if (!reader.isAtEnd) reader.fail('the end')
  return { root, fields }
}

function contentOf(reader: Reader, name: string): string {
  let content = ''
  for (;;) {
    const characters = reader.take(CHARACTERS)?.[0] ?? reader.take(CDATA)?.[1]
    if (characters !== undefined) {
      content += characters
      continue
    }
    const reference = reader.take(REFERENCE)
    if (reference) {
      content += characterOf(reference, reader)
      continue
    }
    const [, closed] = reader.take(CLOSING) ?? reader.fail(`text or </${name}>`)
    if (closed !== name) reader.fail(`</${name}>`)
    return content
  }
}

function characterOf([all, entity, decimal, hex]: RegExpExecArray, reader: Reader): string {
  if (entity !== undefined) return ENTITIES[entity] ?? ''
  const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal)
  const isCharacter =
    code === 0x9 ||
    code === 0xa ||
    code === 0xd ||
    (code >= 0x20 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    (code >= 0x10000 && code <= 0x10ffff)
  return isCharacter ? String.fromCodePoint(code) : reader.fail(`a character instead of ${all}`)
}

/** A text, and how far it has been read. */
class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length
  }

  /** What the pattern finds here, read over; null where it finds nothing. */
  take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (found) this.#at = pattern.lastIndex
    return found
  }

  fail(wanted: string): never {
    throw new UnreadableCallbackError(`its body is no flat XML: at ${this.#at}, wanted ${wanted}`)
  }
}
