import fc from 'fast-check'
import { SmppError } from '../../../src/smpp/errors.ts'
import { parseReceiptDate } from '../../../src/smpp/receipt-date.ts'
import { formatAbsoluteTime, parseSmppTime, resolveSmppTime } from '../../../src/smpp/time.ts'
import { mutated } from '../mutation.ts'
import type { FuzzTarget } from '../target.ts'

const SEEDS = [
  '991231235959948+',
  '000229120000000-',
  '370101000000048-',
  '380101000000000+',
  '260630120000904+',
  '020610233429000R',
  '999999999999999R',
  '000000000000000R',
  '2401151030',
  '240115103045',
  '20240115103045',
  '201506201641',
].map((text) => Buffer.from(text))

/** Texts near to times: each is a real instant or nothing, and instants are written back the same. */
export const timeTarget: FuzzTarget<string> = {
  name: 'SMPP time',
  cases: fc.oneof(
    mutated(SEEDS).map((octets) => octets.toString('latin1')),
    fc
      .tuple(fc.integer({ min: 0, max: 10 ** 15 - 1 }), fc.constantFrom('+', '-', 'R', 'X', ''))
      .map(([digits, sign]) => String(digits).padStart(15, '0') + sign),
  ),
  check(text) {
    const date = parseReceiptDate(text, 0)
    if (date !== null && Number.isNaN(date.at.getTime())) throw new Error('a date that is none')
    const time = parseSmppTime(text)
    if (time === undefined) return date === null ? 'no time' : 'a receipt date'
    if (Number.isNaN(resolveSmppTime(time, new Date(0)).getTime())) throw new Error('no instant')
    if (time.kind === 'relative') return 'relative'
    let written: string
    try {
      written = formatAbsoluteTime(time.at, time.offsetMinutes)
    } catch (error) {
      if (error instanceof SmppError && error.code === 'time_out_of_range') return 'out of range'
      throw error
    }
    // Minus zero and plus zero are the same zone.
    if (written.slice(0, 15) !== text.slice(0, 15)) throw new Error(`written back as ${written}`)
    return 'absolute'
  },
}
