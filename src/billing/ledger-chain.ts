import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Booking } from './booking.ts'

/** The latest batch: the next one follows it. */
export interface ChainHead {
  /** 0: there is none. */
  readonly number: number
  /** Empty: there is none. */
  readonly hash: string
}

/** Lines that are to be written together. */
export interface LedgerBatch extends ChainHead {
  readonly bookings: readonly Booking[]
  /** CRC-32 of each line. */
  readonly checks: Buffer
}

/** Before the first batch. */
export const CHAIN_START: ChainHead = { number: 0, hash: '' }

/** Seals lines as the batch that follows another. */
export function sealBatch(head: ChainHead, bookings: readonly Booking[]): LedgerBatch {
  const number = head.number + 1
  const hash = createHash('sha256').update(head.hash)
  const checks = Buffer.allocUnsafe(bookings.length * 4)
  for (const [index, booking] of bookings.entries()) {
    const text = lineText(number, index + 1, booking)
    hash.update(text)
    checks.writeUInt32BE(crc32(text), index * 4)
  }
  return { number, hash: hash.digest('hex'), bookings, checks }
}

/** A line as it is sealed: all it says, each part on a line of its own. */
function lineText(batch: number, line: number, booking: Booking): string {
  const { kind, at, tenantId, currency, balance, reserved, revenue, tax, funding } = booking
  const { messageId, owed, reference, note } = booking
  const cost = owed ? `${owed.carrier}\n${owed.currency}\n${owed.micros}` : ''
  return (
    `${batch}\n${line}\n${kind}\n${at.getTime()}\n${tenantId}\n${currency}\n${balance}\n${reserved}\n` +
    `${revenue}\n${tax}\n${funding}\n${messageId ?? ''}\n${cost}\n${reference ?? ''}\n${note ?? ''}\n`
  )
}
