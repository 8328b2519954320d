import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type CallLimits, type CallResult, Calls } from '../../src/carriers/calls.ts'
import type { SegmentOutcome, SendOptions } from '../../src/carriers/carrier.ts'
import type { ProviderMessage } from '../../src/providers/provider.ts'
import { Pacer } from '../../src/smpp/pacer.ts'

const ACCEPTED: SegmentOutcome = { kind: 'accepted', carrierMessageId: '1', matchKey: '1' }
const THROTTLED: SegmentOutcome = { kind: 'throttled', rawCode: '429' }
const WAIT_MS = 5

/** A call that has been made and waits for its answer. */
interface MadeCall {
  readonly texts: readonly string[]
  /** The same for every message, or one for each. */
  answer(outcomes?: SegmentOutcome | readonly SegmentOutcome[], retryAfterMs?: number): void
}

/** Calls that are answered by the test. */
class Desk {
  readonly made: MadeCall[] = []
  readonly written: string[] = []
  readonly calls: Calls<ProviderMessage>
  #sent = 0

  constructor(limits: Partial<CallLimits> = {}, perSecond = 0) {
    this.calls = new Calls<ProviderMessage>({
      limits: { connections: 10, maxBatch: 3, waitMs: WAIT_MS, ...limits },
      pacer: new Pacer(perSecond),
      call: (messages) =>
        new Promise<CallResult>((resolve) => {
          this.made.push({
            texts: messages.map(({ text }) => text),
            answer: (outcomes = ACCEPTED, retryAfterMs = 0) => {
              const all = 'kind' in outcomes ? messages.map(() => outcomes) : outcomes
              resolve({ outcomes: all, retryAfterMs })
            },
          })
        }),
      onWrite: (marks) => this.written.push(...marks.map(({ messageId }) => messageId)),
    })
  }

  /** The messages of each call made so far. */
  get texts(): readonly (readonly string[])[] {
    return this.made.map(({ texts }) => texts)
  }

  /** Each message has a number of its own unless told otherwise. */
  send(
    text: string,
    { key = 'key', to, ...options }: { key?: string | undefined; to?: string } & SendOptions = {},
  ): Promise<SegmentOutcome> {
    this.#sent++
    const message: ProviderMessage = {
      id: text,
      to: to ?? `+8613800${String(this.#sent).padStart(6, '0')}`,
      from: 'Linehaul',
      text,
      template: null,
      sign: '',
      expiresAt: new Date(0),
      submitKey: text,
      isRepetition: false,
    }
    const mark = { messageId: text, attempt: 1 }
    return this.calls.send(message, key, { mark, ...options })
  }

  /** As {@link sendAll}, where nobody asks what became of them. */
  put(texts: string): void {
    for (const text of texts) void this.send(text)
  }

  /** A message for each letter. */
  sendAll(texts: string): Promise<SegmentOutcome>[] {
    return [...texts].map((text) => this.send(text))
  }
}

/** Lets promises go on; no time passes. */
function settled(): Promise<unknown> {
  return vi.advanceTimersByTimeAsync(0)
}

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

describe('a batch', () => {
  test('goes at once when it is full', () => {
    const desk = new Desk()
    desk.put('abc')
    expect(desk.texts).toEqual([['a', 'b', 'c']])
    expect(desk.written).toEqual(['a', 'b', 'c'])
    expect(desk.calls.waiting).toBe(0)
  })

  test('goes after its wait with what it has', async () => {
    const desk = new Desk()
    desk.put('ab')
    await vi.advanceTimersByTimeAsync(WAIT_MS - 1)
    expect(desk.texts).toEqual([])
    expect(desk.calls.waiting).toBe(2)
    await vi.advanceTimersByTimeAsync(1)
    expect(desk.texts).toEqual([['a', 'b']])
  })

  test('has messages of one key only', async () => {
    const desk = new Desk()
    for (const key of ['x', 'y', 'x', 'y']) void desk.send(key, { key })
    await vi.advanceTimersByTimeAsync(WAIT_MS)
    expect(desk.texts).toEqual([
      ['x', 'x'],
      ['y', 'y'],
    ])
  })

  test('never has a number twice', async () => {
    const desk = new Desk()
    void desk.send('a', { to: '+8613800138000' })
    void desk.send('b')
    void desk.send('c', { to: '+8613800138000' })
    expect(desk.texts).toEqual([['a', 'b']])
    await vi.advanceTimersByTimeAsync(WAIT_MS)
    expect(desk.texts).toEqual([['a', 'b'], ['c']])
  })

  test('goes without a wait where others may not join', () => {
    const desk = new Desk()
    void desk.calls.send({ text: 'a', to: '1' } as ProviderMessage, undefined, {})
    const impatient = new Desk({ waitMs: 0 })
    impatient.put('ab')
    const single = new Desk({ maxBatch: 1 })
    single.put('ab')
    expect(desk.texts).toEqual([['a']])
    expect(impatient.texts).toEqual([['a'], ['b']])
    expect(single.texts).toEqual([['a'], ['b']])
  })

  test('is joined by others while it waits for a connection', async () => {
    const desk = new Desk({ connections: 1 })
    void desk.send('first', { key: 'other' })
    await vi.advanceTimersByTimeAsync(WAIT_MS)
    void desk.send('a')
    await vi.advanceTimersByTimeAsync(WAIT_MS)
    desk.put('bcd')
    desk.made[0]?.answer()
    await settled()
    expect(desk.texts).toEqual([['first'], ['a', 'b', 'c']])
    desk.made[1]?.answer()
    await vi.advanceTimersByTimeAsync(WAIT_MS)
    expect(desk.texts.at(-1)).toEqual(['d'])
  })

  test('gives each message its own outcome', async () => {
    const desk = new Desk()
    const outcomes = desk.sendAll('abc')
    desk.made[0]?.answer([ACCEPTED, THROTTLED])
    expect(await Promise.all(outcomes)).toMatchObject([
      ACCEPTED,
      THROTTLED,
      { kind: 'uncertain', reason: 'the answer says nothing of this message' },
    ])
  })
})

describe('connections', () => {
  test('no more calls at once than there are, the oldest first', async () => {
    const desk = new Desk({ connections: 2, maxBatch: 1 })
    desk.put('abcd')
    expect(desk.texts).toEqual([['a'], ['b']])
    expect(desk.calls.waiting).toBe(2)
    desk.made[1]?.answer()
    await settled()
    expect(desk.texts).toEqual([['a'], ['b'], ['c']])
  })

  test('more of them are used at once when the limits say so', () => {
    const desk = new Desk({ connections: 1, maxBatch: 1 })
    desk.put('abc')
    desk.calls.follow({ connections: 3, maxBatch: 1, waitMs: WAIT_MS })
    expect(desk.texts).toEqual([['a'], ['b'], ['c']])
  })
})

describe('how many messages a call is planned for', () => {
  /** So many messages, answered as soon as they are called for; each with a key of its own, or all with one. */
  async function pass(desk: Desk, messages: number, keyOf: (index: number) => string) {
    const before = desk.made.length
    for (let index = 0; index < messages; index++) void desk.send('x', { key: keyOf(index) })
    await vi.advanceTimersByTimeAsync(WAIT_MS)
    for (let index = before; index < desk.made.length; index++) {
      desk.made[index]?.answer()
      await settled()
    }
  }

  test('is what fits, until they cannot share, and again when they can', async () => {
    const desk = new Desk({ connections: 2, maxBatch: 100 })
    expect(desk.calls.perCall).toBe(100)
    await pass(desk, 60, String)
    expect(desk.calls.perCall).toBe(3)
    for (let rounds = 0; rounds < 30; rounds++)
      await pass(desk, 2 * desk.calls.perCall, () => 'one')
    expect(desk.calls.perCall).toBe(100)
  })

  test('does not become less where nobody waits', async () => {
    const desk = new Desk({ connections: 2, maxBatch: 100 })
    for (let messages = 0; messages < 30; messages++) await pass(desk, 1, String)
    expect(desk.calls.perCall).toBe(100)
  })

  test('is what fits in calls of another size', () => {
    const desk = new Desk({ connections: 2, maxBatch: 100 })
    desk.calls.follow({ connections: 2, maxBatch: 7, waitMs: WAIT_MS })
    expect(desk.calls.perCall).toBe(7)
  })
})

describe('the pace', () => {
  test('lets calls go one after another', async () => {
    const desk = new Desk({ maxBatch: 1 }, 10)
    desk.put('abc')
    expect(desk.texts).toEqual([['a']])
    await vi.advanceTimersByTimeAsync(100)
    expect(desk.texts).toEqual([['a'], ['b']])
    await vi.advanceTimersByTimeAsync(100)
    expect(desk.texts).toEqual([['a'], ['b'], ['c']])
  })

  test('counts calls and not messages', async () => {
    const desk = new Desk({}, 10)
    desk.put('abcdef')
    await vi.advanceTimersByTimeAsync(100)
    expect(desk.texts).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e', 'f'],
    ])
  })

  test('rests as long as the provider asks for, and no longer than a minute', async () => {
    const desk = new Desk({ maxBatch: 1 })
    void desk.send('a')
    desk.made[0]?.answer(THROTTLED, 3_600_000)
    await settled()
    expect(desk.calls.restLeft(performance.now())).toBe(60_000)
    void desk.send('b')
    await vi.advanceTimersByTimeAsync(59_999)
    expect(desk.texts).toEqual([['a']])
    await vi.advanceTimersByTimeAsync(1)
    expect(desk.texts).toEqual([['a'], ['b']])
    expect(desk.calls.restLeft(performance.now())).toBe(0)
  })

  test('a shorter rest does not end a longer one', async () => {
    const desk = new Desk({ maxBatch: 1 })
    desk.put('ab')
    desk.made[0]?.answer(THROTTLED, 10_000)
    desk.made[1]?.answer(THROTTLED, 1_000)
    await settled()
    expect(desk.calls.restLeft(performance.now())).toBe(10_000)
  })

  test('what was put off goes before what waits, in its own order and place of the pace', async () => {
    const desk = new Desk({ maxBatch: 1 }, 10)
    desk.put('abc')
    void desk.send('again 1', { again: true })
    void desk.send('again 2', { again: true })
    for (let calls = 0; calls < 2; calls++) await vi.advanceTimersByTimeAsync(100)
    expect(desk.texts).toEqual([['a'], ['again 1'], ['again 2']])
  })

  test('so does a batch that something put off has joined', async () => {
    const desk = new Desk({ connections: 1 })
    desk.put('abcdef')
    void desk.send('g', { key: 'late' })
    await vi.advanceTimersByTimeAsync(WAIT_MS)
    void desk.send('again', { key: 'late', again: true })
    desk.made[0]?.answer()
    await settled()
    expect(desk.texts).toEqual([
      ['a', 'b', 'c'],
      ['g', 'again'],
    ])
    void desk.send('alone', { key: 'new', again: true })
    await vi.advanceTimersByTimeAsync(WAIT_MS)
    desk.made[1]?.answer()
    await settled()
    expect(desk.texts.at(-1)).toEqual(['alone'])
  })
})

test('what was gathered under wider limits goes in smaller calls', async () => {
  const desk = new Desk({ connections: 1, maxBatch: 1 })
  void desk.send('first')
  desk.calls.follow({ connections: 1, maxBatch: 10, waitMs: WAIT_MS })
  desk.put('abcde')
  desk.calls.follow({ connections: 9, maxBatch: 2, waitMs: WAIT_MS })
  await vi.advanceTimersByTimeAsync(WAIT_MS)
  expect(desk.texts).toEqual([['first'], ['a', 'b'], ['c', 'd'], ['e']])
  expect(desk.calls.waiting).toBe(0)
})

describe('closing', () => {
  test('gives back what has not begun, and waits for what has', async () => {
    const desk = new Desk({ connections: 1 })
    const outcomes = desk.sendAll('abcdefg')
    let isClosed = false
    const closed = desk.calls.close(1_000).then(() => {
      isClosed = true
    })
    const given = await Promise.all(outcomes.slice(3))
    expect(given).toEqual(given.map(() => ({ kind: 'not_sent', reason: expect.any(String) })))
    expect(isClosed).toBe(false)
    desk.made[0]?.answer()
    await closed
    expect(await Promise.all(outcomes.slice(0, 3))).toEqual([ACCEPTED, ACCEPTED, ACCEPTED])
    expect(desk.made).toHaveLength(1)
    expect(desk.calls.waiting).toBe(0)
    expect(await desk.send('h')).toMatchObject({ kind: 'not_sent' })
  })

  test('waits no longer than it may', async () => {
    const desk = new Desk({ maxBatch: 1 })
    void desk.send('a')
    const closed = desk.calls.close(1_000)
    await vi.advanceTimersByTimeAsync(1_000)
    await closed
    expect(vi.getTimerCount()).toBe(0)
  })
})
