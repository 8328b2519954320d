import fc from 'fast-check'
import { isResponse } from '../../src/smpp/commands.ts'
import { BODY_FIELDS, type FieldSpec } from '../../src/smpp/fields.ts'
import type { CommandName, Pdu } from '../../src/smpp/pdu.ts'

const uint8 = fc.integer({ min: 0, max: 0xff })
const octets = (max: number) => fc.uint8Array({ maxLength: max }).map((value) => Buffer.from(value))
const latin1 = (min: number, max: number) =>
  fc
    .array(fc.integer({ min: 1, max: 0xff }), { minLength: min, maxLength: max })
    .map((codes) => String.fromCharCode(...codes))
const address = fc.record({
  dest_addr_ton: uint8,
  dest_addr_npi: uint8,
  destination_addr: latin1(0, 20),
})

function anyValue({ type, max }: FieldSpec): fc.Arbitrary<unknown> {
  switch (type) {
    case 'uint8':
      return uint8
    case 'cstring':
      return latin1(0, max - 1)
    case 'time':
      return fc.oneof(fc.constant(''), latin1(max - 1, max - 1))
    case 'octets':
      return octets(max)
    case 'destinations':
      return fc.array(fc.oneof(address, fc.record({ dl_name: latin1(0, 20) })), {
        minLength: 1,
        maxLength: 5,
      })
    case 'failures':
      return fc.array(
        fc
          .tuple(address, fc.integer({ min: 0, max: 0xffffffff }))
          .map(([entry, error_status_code]) => ({ ...entry, error_status_code })),
        { maxLength: 5 },
      )
  }
}

/** Any PDU that can be encoded, of any command. */
export const anyPdu: fc.Arbitrary<Pdu> = fc
  .constantFrom(...(Object.keys(BODY_FIELDS) as CommandName[]))
  .chain((command) => {
    const fields = Object.fromEntries(
      BODY_FIELDS[command].map((field) => [field.name, anyValue(field)]),
    )
    return fc.record({
      command: fc.constant(command),
      command_status: isResponse(command)
        ? fc.integer({ min: 0, max: 0xffffffff })
        : fc.constant(0),
      sequence_number: fc.integer({ min: 0, max: 0xffffffff }),
      tlvs: fc.array(fc.record({ tag: fc.integer({ min: 0, max: 0xffff }), value: octets(40) }), {
        maxLength: 4,
      }),
      ...fields,
    })
  }) as fc.Arbitrary<unknown> as fc.Arbitrary<Pdu>
