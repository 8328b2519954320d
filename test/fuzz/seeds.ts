import { readVectors as readNamed } from '../encoding/vectors.ts'
import { PDU_VECTORS } from '../smpp/vectors.ts'

interface ReceiptVectors {
  readonly cases: readonly {
    readonly input: { readonly short_message_hex?: string | null }
  }[]
}

/** The octets of every case of pdus.json. */
export const PDU_SEEDS: readonly Buffer[] = PDU_VECTORS.map(({ hex }) => Buffer.from(hex, 'hex'))

/** The texts of every receipt of dlr.json. */
export const RECEIPT_SEEDS: readonly Buffer[] = readNamed<ReceiptVectors>('dlr')
  .cases.map(({ input }) => Buffer.from(input.short_message_hex ?? '', 'hex'))
  .filter(({ length }) => length > 0)

/** User data headers as handsets and gateways send them, with some text behind. */
export const UDH_SEEDS: readonly Buffer[] = [
  '0500032a0302',
  '060804012c0302',
  '0b0504158a00000003420302',
  '0a0003420302250103240103',
  '03240103',
  '06050423f40000',
  '0870060102030405',
  '00',
].map((hex) => Buffer.concat([Buffer.from(hex, 'hex'), Buffer.from('and then the text')]))
