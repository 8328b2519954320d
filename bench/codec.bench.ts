import smpp from 'smpp'
import { decodePdu, encodePdu } from '../src/smpp/codec.ts'
import type { PduInput } from '../src/smpp/pdu.ts'
import { type BenchOptions, type BenchRow, compare } from './harness.ts'

/** Encoding and decoding of single PDUs, against the npm package `smpp`. */
export const subject = 'codec'

const BATCH = 500
const RECEIPT =
  'id:0000012345 sub:001 dlvrd:001 submit date:2401151030 done date:2401151031 ' +
  'stat:DELIVRD err:000 text:Hello from the other'

interface Subject {
  name: string
  /** Both sides are given a fresh object with the same fields. */
  ours: (sequence: number) => PduInput
  theirs: (sequence: number) => smpp.PDU
}

const gsm7Text = Buffer.from(
  'The quick brown fox jumps over the lazy dog. '.repeat(4).slice(0, 160),
)
const ucs2Text = Buffer.from('Привет, мир! '.repeat(6).slice(0, 70), 'utf16le').swap16()
const receiptText = Buffer.from(RECEIPT, 'latin1')
const receiptId = Buffer.from('0000012345\0', 'latin1')
const delivered = Buffer.from([2])

// The octets are handed to both sides ready-made: character sets are measured by `segment`.
const SUBJECTS: readonly Subject[] = [
  {
    name: 'submit_sm GSM-7 160',
    ours: (sequence_number) => ({
      command: 'submit_sm',
      sequence_number,
      source_addr_ton: 5,
      source_addr_npi: 0,
      source_addr: 'ACME',
      dest_addr_ton: 1,
      dest_addr_npi: 1,
      destination_addr: '447700900123',
      registered_delivery: 1,
      short_message: gsm7Text,
    }),
    theirs: (sequence_number) =>
      new smpp.PDU('submit_sm', {
        sequence_number,
        source_addr_ton: 5,
        source_addr_npi: 0,
        source_addr: 'ACME',
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr: '447700900123',
        registered_delivery: 1,
        short_message: gsm7Text,
      }),
  },
  {
    name: 'submit_sm UCS-2 70',
    ours: (sequence_number) => ({
      command: 'submit_sm',
      sequence_number,
      source_addr_ton: 5,
      source_addr_npi: 0,
      source_addr: 'ACME',
      dest_addr_ton: 1,
      dest_addr_npi: 1,
      destination_addr: '447700900123',
      registered_delivery: 1,
      data_coding: 8,
      short_message: ucs2Text,
    }),
    theirs: (sequence_number) =>
      new smpp.PDU('submit_sm', {
        sequence_number,
        source_addr_ton: 5,
        source_addr_npi: 0,
        source_addr: 'ACME',
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr: '447700900123',
        registered_delivery: 1,
        data_coding: 8,
        short_message: ucs2Text,
      }),
  },
  {
    name: 'deliver_sm receipt',
    ours: (sequence_number) => ({
      command: 'deliver_sm',
      sequence_number,
      source_addr_ton: 5,
      source_addr_npi: 0,
      source_addr: 'ACME',
      dest_addr_ton: 1,
      dest_addr_npi: 1,
      destination_addr: '447700900123',
      registered_delivery: 1,
      esm_class: 4,
      short_message: receiptText,
      tlvs: [
        { tag: 0x001e, value: receiptId },
        { tag: 0x0427, value: delivered },
      ],
    }),
    theirs: (sequence_number) =>
      new smpp.PDU('deliver_sm', {
        sequence_number,
        source_addr_ton: 5,
        source_addr_npi: 0,
        source_addr: 'ACME',
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr: '447700900123',
        registered_delivery: 1,
        esm_class: 4,
        short_message: receiptText,
        receipted_message_id: '0000012345',
        message_state: 2,
      }),
  },
  {
    name: 'submit_sm_resp',
    ours: (sequence_number) => ({
      command: 'submit_sm_resp',
      sequence_number,
      message_id: '5f3a9c01-0000012345',
    }),
    theirs: (sequence_number) =>
      new smpp.PDU('submit_sm_resp', { sequence_number, message_id: '5f3a9c01-0000012345' }),
  },
  {
    name: 'deliver_sm_resp',
    ours: (sequence_number) => ({ command: 'deliver_sm_resp', sequence_number, message_id: '' }),
    theirs: (sequence_number) =>
      new smpp.PDU('deliver_sm_resp', { sequence_number, message_id: '' }),
  },
]

/** Measures every PDU both ways; the two sides' octets are compared first. */
export async function run(options: BenchOptions): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const { name, ours, theirs } of SUBJECTS) {
    const octets = encodePdu(ours(7))
    if (!octets.equals(theirs(7).toBuffer())) {
      throw new Error(`${name}: the two sides do not encode the same octets`)
    }
    rows.push(
      compare(
        `encode ${name}`,
        'ops/s',
        batch((sequence) => encodePdu(ours(sequence)).length),
        batch((sequence) => theirs(sequence).toBuffer().length),
        options,
      ),
      compare(
        `decode ${name}`,
        'ops/s',
        batch(() => decodePdu(octets).sequence_number),
        batch(() => new smpp.PDU(octets).sequence_number),
        options,
      ),
    )
  }
  return rows
}

/** Adds the results up so that no engine can leave the work out. */
function batch(operation: (sequence: number) => number): () => number {
  let sum = 0
  return () => {
    for (let index = 1; index <= BATCH; index++) {
      sum += operation(index)
    }
    if (!Number.isFinite(sum)) throw new Error('the operation gave no number')
    return BATCH
  }
}
