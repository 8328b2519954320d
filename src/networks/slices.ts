import { nextTurn } from '../core/waits.ts'

/** The event loop is not held longer than this, in milliseconds. */
const SLICE_MS = 5

/** Items between two looks at the clock. */
const LOOK_EVERY = 256

/** Goes through many items and lets other work come between. */
export async function inSlices<Item>(
  items: Iterable<Item>,
  take: (item: Item) => void,
): Promise<void> {
  let count = 0
  let startedMs = performance.now()
  for (const item of items) {
    take(item)
    count++
    if (count % LOOK_EVERY !== 0 || performance.now() - startedMs < SLICE_MS) continue
    await nextTurn()
    startedMs = performance.now()
  }
}

/** The lines of a text that comes in pieces, cut anywhere; what ends a line is left out. */
export async function* linesFrom(
  pieces: AsyncIterable<Uint8Array | string>,
): AsyncGenerator<string[], undefined> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const piece of pieces) {
    rest += typeof piece === 'string' ? piece : decoder.decode(piece, { stream: true })
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    yield lines.map(withoutReturn)
  }
  yield [withoutReturn(rest + decoder.decode())]
  return undefined
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}
