import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { GatewayError } from '../core/errors.ts'
import type { Slices } from '../core/turns.ts'
import { DeckCsvParser, type DeckReading, deckCsv } from '../routing/deck-csv.ts'
import type { RateDeck } from '../routing/rate-deck.ts'

/** A deck in CSV: a text, or octets of UTF-8 as they come. */
export type DeckSource = string | AsyncIterable<Uint8Array>

/** Octets of CSV that are read, and refused beyond. */
export const MAX_CSV_OCTETS = 64 * 1024 * 1024

/** Octets that are read between two looks at the clock; a piece of a stream may be larger. */
const PIECE = 32 * 1024

/** Octets of content in one row of the database. */
const PART_OCTETS = 64 * 1024

/**
 * Reads a deck, letting others work all the time.
 *
 * @throws {GatewayError} `body_too_large`
 */
export async function readDeck(source: DeckSource, slices: Slices): Promise<DeckReading> {
  const parser = new DeckCsvParser()
  const decoder = new TextDecoder()
  let octets = 0
  for await (const chunk of typeof source === 'string' ? [Buffer.from(source)] : source) {
    octets += chunk.length
    if (octets > MAX_CSV_OCTETS) {
      throw new GatewayError('body_too_large', `the deck is over ${MAX_CSV_OCTETS} octets`)
    }
    for (let start = 0; start < chunk.length; start += PIECE) {
      const piece = chunk.subarray(start, start + PIECE)
      await slices.run(parser.take(decoder.decode(piece, { stream: true })))
      await slices.pause()
    }
  }
  await slices.run(parser.take(decoder.decode()))
  return slices.run(parser.end())
}

/** A deck as it is stored: CSV, compressed, in parts. */
export async function packDeck(deck: RateDeck, slices: Slices): Promise<Buffer[]> {
  const parts: Buffer[] = []
  await pipeline(csvOf(deck, slices), createGzip({ level: 1 }), async (compressed) => {
    let gathered: Buffer[] = []
    let octets = 0
    for await (const chunk of compressed as AsyncIterable<Buffer>) {
      gathered.push(chunk)
      octets += chunk.length
      if (octets < PART_OCTETS) continue
      parts.push(Buffer.concat(gathered))
      gathered = []
      octets = 0
    }
    if (octets > 0) parts.push(Buffer.concat(gathered))
  })
  return parts
}

/** The CSV of a deck that is stored, as it is read. */
export function unpackDeck(parts: AsyncIterable<Buffer>): AsyncIterable<Uint8Array> {
  const packed = Readable.from(parts)
  const csv = createGunzip()
  packed.on('error', (error) => csv.destroy(error))
  return packed.pipe(csv)
}

/** The CSV of a deck, in pieces. */
export async function* csvOf(deck: RateDeck, slices: Slices): AsyncGenerator<Buffer, void> {
  for (const piece of deckCsv(deck)) {
    yield Buffer.from(piece)
    await slices.pause()
  }
}
