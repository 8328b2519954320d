import {
  type DecodedText,
  type DefaultAlphabet,
  decodeUserData,
  type UserData,
} from './data-coding.ts'
import { EncodingError } from './errors.ts'
import { type Concatenation, checkPart, parseUdh } from './udh.ts'

/** A received message taken apart; `octets` is the body behind the user data header. */
export interface ReceivedUserData extends UserData {
  /** Which part of a long message this is; undefined for a message of its own. */
  readonly concat: Concatenation | undefined
}

/** One part of a long message, for {@link Reassembler.add}. */
export interface MessagePart<T> extends UserData {
  /** Names the long message; see {@link concatKey}. */
  readonly key: string
  /** 1 to 255. */
  readonly total: number
  /** 1 to `total`. */
  readonly sequence: number
  /** What the caller wants back with the part, for example the PDU's id. */
  readonly source: T
}

/**
 * A long message that left the {@link Reassembler}.
 *
 * `superseded` means that another message with the same key began before this one was whole: its
 * sender uses the reference again.
 */
export interface Reassembled<T> {
  readonly key: string
  readonly outcome: 'complete' | 'timed_out' | 'evicted' | 'superseded'
  readonly total: number
  /** The parts received, by sequence; all of them when complete. */
  readonly parts: readonly MessagePart<T>[]
  /** When the first part came, in milliseconds as handed to `add`. */
  readonly firstAt: number
}

/** The bounds of a {@link Reassembler}. */
export interface ReassemblerOptions {
  /** How long to wait for the missing parts after the first one; default 300,000. */
  readonly timeoutMs?: number
  /** How long a complete message is remembered to recognise late duplicates; default 60,000. */
  readonly rememberMs?: number
  /** How many incomplete messages are held, and how many complete ones remembered; default 10,000. */
  readonly maxGroups?: number
  /**
   * Octets of text held in incomplete messages, and as many again in complete ones remembered;
   * default 64 MiB.
   */
  readonly maxOctets?: number
  /**
   * Parts held in incomplete messages, and as many again in complete ones remembered: parts without
   * any text take memory too. Default 250,000.
   */
  readonly maxParts?: number
}

interface Group<T> {
  readonly key: string
  readonly total: number
  readonly firstAt: number
  readonly parts: Map<number, MessagePart<T>>
  octets: number
}

interface CompleteGroup {
  readonly until: number
  readonly parts: ReadonlyMap<number, Buffer>
  readonly octets: number
}

const SAR_MSG_REF_NUM = 0x020c
const SAR_TOTAL_SEGMENTS = 0x020e
const SAR_SEGMENT_SEQNUM = 0x020f
const MESSAGE_PAYLOAD = 0x0424
const UDH_INDICATOR = 0x40

/**
 * Takes the text of a submit_sm, deliver_sm or data_sm apart; never throws.
 *
 * The text is `short_message`, or `message_payload` when that is empty. A concatenation in the user
 * data header wins over SAR parameters; SAR parameters that make no sense are ignored. The octets are
 * views of what was handed in.
 */
export function readUserData(
  esmClass: number,
  shortMessage: Buffer,
  tlvs: readonly { readonly tag: number; readonly value: Buffer }[],
): ReceivedUserData {
  const payload = tlvs.find(({ tag }) => tag === MESSAGE_PAYLOAD)?.value
  const message = shortMessage.length === 0 && payload !== undefined ? payload : shortMessage
  const udh = (esmClass & UDH_INDICATOR) === 0 ? undefined : parseUdh(message)
  const octets = udh === undefined ? message : message.subarray(udh.octets)
  return { octets, udh, concat: udh?.concat ?? readSar(tlvs) }
}

/** A key for {@link MessagePart}: parts with the same one belong to the same long message. */
export function concatKey(source: string, destination: string, concat: Concatenation): string {
  // Addresses are C-octet strings: NUL is the one character that they cannot contain.
  const { method, reference, total } = concat
  return [source, destination, method, reference, total].join('\0')
}

/**
 * Collects the parts of long messages until they are whole.
 *
 * Parts may come in any order and more than once. Memory is bounded: over a limit the oldest
 * incomplete message is given back as it is. Part octets are copied, so a part does not keep the
 * network buffer that it came in.
 */
export class Reassembler<T> {
  readonly #timeoutMs: number
  readonly #rememberMs: number
  readonly #maxGroups: number
  readonly #maxOctets: number
  readonly #maxParts: number
  /** Oldest first: a group keeps the place of its first part. */
  readonly #groups = new Map<string, Group<T>>()
  readonly #complete = new Map<string, CompleteGroup>()
  #octets = 0
  #parts = 0
  #rememberedOctets = 0
  #rememberedParts = 0

  constructor(options: ReassemblerOptions = {}) {
    this.#timeoutMs = options.timeoutMs ?? 300_000
    this.#rememberMs = options.rememberMs ?? 60_000
    this.#maxGroups = options.maxGroups ?? 10_000
    this.#maxOctets = options.maxOctets ?? 64 * 1024 * 1024
    this.#maxParts = options.maxParts ?? 250_000
    if (!(this.#maxGroups >= 1) || !(this.#maxOctets >= 0)) {
      throw new EncodingError(
        'options_invalid',
        `maxGroups is ${this.#maxGroups} and maxOctets ${this.#maxOctets}: at least 1 and 0`,
      )
    }
    if (!(this.#maxParts >= 1)) {
      throw new EncodingError('options_invalid', `maxParts is ${this.#maxParts}: at least 1`)
    }
  }

  /** How many incomplete messages are held. */
  get size(): number {
    return this.#groups.size
  }

  /** Octets of text held in incomplete messages. */
  get octets(): number {
    return this.#octets
  }

  /**
   * Adds a part and returns the messages that leave because of it, usually none or the complete one.
   *
   * A part that was there before, with the same octets, changes nothing.
   *
   * @param now - milliseconds, on the same clock as {@link tick}
   * @throws {EncodingError} `part_invalid` unless 1 <= sequence <= total <= 255
   */
  add(part: MessagePart<T>, now: number): Reassembled<T>[] {
    checkPart(part.total, part.sequence)
    const name = `${part.key}\0${part.total}`
    if (this.#isLateDuplicate(name, part, now)) return []
    const left: Reassembled<T>[] = []
    let group = this.#groups.get(name)
    if (group !== undefined) {
      const before = group.parts.get(part.sequence)
      if (now - group.firstAt >= this.#timeoutMs) {
        left.push(this.#release(name, group, 'timed_out'))
        group = undefined
      } else if (before?.octets.equals(part.octets)) {
        return left
      } else if (before !== undefined) {
        left.push(this.#release(name, group, 'superseded'))
        group = undefined
      }
    }
    if (group === undefined) {
      const { key, total } = part
      group = { key, total, firstAt: now, parts: new Map(), octets: 0 }
      this.#groups.set(name, group)
    }
    group.parts.set(part.sequence, { ...part, octets: Buffer.from(part.octets) })
    group.octets += part.octets.length
    this.#octets += part.octets.length
    this.#parts++
    if (group.parts.size === group.total) {
      left.push(this.#release(name, group, 'complete'))
      this.#remember(name, group, now)
    }
    this.#evict(left)
    return left
  }

  /** Returns the messages that have waited too long, and forgets old complete ones. */
  tick(now: number): Reassembled<T>[] {
    const left: Reassembled<T>[] = []
    for (const [name, group] of this.#groups) {
      if (now - group.firstAt < this.#timeoutMs) break
      left.push(this.#release(name, group, 'timed_out'))
    }
    for (const [name, { until }] of this.#complete) {
      if (now < until) break
      this.#forget(name)
    }
    return left
  }

  /** Gives back everything that is incomplete, for a shutdown. */
  drain(): Reassembled<T>[] {
    return [...this.#groups].map(([name, group]) => this.#release(name, group, 'evicted'))
  }

  #isLateDuplicate(name: string, part: MessagePart<T>, now: number): boolean {
    const complete = this.#complete.get(name)
    if (complete === undefined) return false
    const known = complete.parts.get(part.sequence)?.equals(part.octets) ?? false
    if (known && now < complete.until) return true
    this.#forget(name)
    return false
  }

  #remember(name: string, group: Group<T>, now: number): void {
    const parts = new Map([...group.parts].map(([sequence, part]) => [sequence, part.octets]))
    this.#complete.set(name, { until: now + this.#rememberMs, parts, octets: group.octets })
    this.#rememberedOctets += group.octets
    this.#rememberedParts += parts.size
    for (const oldest of this.#complete.keys()) {
      if (this.#isWithin(this.#complete.size, this.#rememberedOctets, this.#rememberedParts)) return
      this.#forget(oldest)
    }
  }

  #forget(name: string): void {
    const complete = this.#complete.get(name)
    if (complete === undefined) return
    this.#complete.delete(name)
    this.#rememberedOctets -= complete.octets
    this.#rememberedParts -= complete.parts.size
  }

  #evict(left: Reassembled<T>[]): void {
    for (const [name, group] of this.#groups) {
      if (this.#isWithin(this.#groups.size, this.#octets, this.#parts)) return
      left.push(this.#release(name, group, 'evicted'))
    }
  }

  #isWithin(groups: number, octets: number, parts: number): boolean {
    return groups <= this.#maxGroups && octets <= this.#maxOctets && parts <= this.#maxParts
  }

  #release(name: string, group: Group<T>, outcome: Reassembled<T>['outcome']): Reassembled<T> {
    this.#groups.delete(name)
    this.#octets -= group.octets
    this.#parts -= group.parts.size
    const { key, total, firstAt } = group
    const parts = [...group.parts.values()].sort((a, b) => a.sequence - b.sequence)
    return { key, outcome, total, parts, firstAt }
  }
}

/**
 * Decodes a long message; never throws. Each run of missing parts shows as one U+FFFD.
 *
 * Neighbours are joined before they are decoded; parts with a gap between them are not.
 */
export function decodeReassembled<T>(
  { parts, total }: Pick<Reassembled<T>, 'parts' | 'total'>,
  dataCoding: number,
  defaultAlphabet?: DefaultAlphabet,
): DecodedText {
  const whole = decodeUserData(parts, dataCoding, defaultAlphabet)
  if (whole.text === undefined || parts.length === total) return whole
  const texts: string[] = []
  let expected = 1
  for (let start = 0; start < parts.length; ) {
    const first = parts[start]?.sequence ?? expected
    let end = start + 1
    while (parts[end]?.sequence === first + end - start) end++
    if (first > expected) texts.push('\ufffd')
    texts.push(decodeUserData(parts.slice(start, end), dataCoding, defaultAlphabet).text ?? '')
    expected = first + end - start
    start = end
  }
  if (expected <= total) texts.push('\ufffd')
  return { charset: whole.charset, text: texts.join('') }
}

function readSar(
  tlvs: readonly { readonly tag: number; readonly value: Buffer }[],
): Concatenation | undefined {
  const reference = readInteger(tlvs, SAR_MSG_REF_NUM)
  const total = readInteger(tlvs, SAR_TOTAL_SEGMENTS)
  const sequence = readInteger(tlvs, SAR_SEGMENT_SEQNUM)
  if (reference === undefined || total === undefined || sequence === undefined) return undefined
  if (total > 255 || sequence === 0 || sequence > total) return undefined
  return { method: 'sar', reference, total, sequence }
}

function readInteger(
  tlvs: readonly { readonly tag: number; readonly value: Buffer }[],
  wanted: number,
): number | undefined {
  const value = tlvs.find(({ tag }) => tag === wanted)?.value
  if (value === undefined || value.length === 0 || value.length > 2) return undefined
  return value.readUIntBE(0, value.length)
}
