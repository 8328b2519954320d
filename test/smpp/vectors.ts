import { readFileSync } from 'node:fs'
import type { PduInput } from '../../src/smpp/pdu.ts'

/** One case of pdus.json. */
export interface PduVector {
  name: string
  hex: string
  header: {
    command_length: number
    command_id: string
    command: string
    command_status: number
    sequence_number: number
  }
  body: Record<string, unknown> | null
  bodyAbsent?: boolean
  tlvs: { tag: string; hex: string }[]
  checkedBy: string[]
}

/** Reads a file of test/fixtures/vectors. */
export function readVectors<Shape>(file: string): Shape {
  const url = new URL(`../fixtures/vectors/${file}`, import.meta.url)
  return JSON.parse(readFileSync(url, 'utf8')) as Shape
}

/** The cases of pdus.json. */
export const PDU_VECTORS = readVectors<{ cases: PduVector[] }>('pdus.json').cases

/** A case's fields as the codec takes them; sm_length is the codec's own. */
export function fieldsOf(vector: PduVector): Record<string, unknown> {
  const { short_message_hex, sm_length: _length, ...body } = vector.body ?? {}
  return {
    command: vector.header.command,
    command_status: vector.header.command_status,
    sequence_number: vector.header.sequence_number,
    tlvs: vector.tlvs.map(({ tag, hex }) => ({ tag: Number(tag), value: Buffer.from(hex, 'hex') })),
    ...body,
    ...(short_message_hex === undefined
      ? {}
      : { short_message: Buffer.from(short_message_hex as string, 'hex') }),
  }
}

/** A case as input of the encoder. */
export function inputOf(vector: PduVector): PduInput {
  return fieldsOf(vector) as unknown as PduInput
}
