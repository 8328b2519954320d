import fc from 'fast-check'
import smpp from 'smpp'
import { describe, expect, it } from 'vitest'
import { decodePdu, encodePdu } from '../../src/smpp/codec.ts'
import { COMMAND_IDS, isResponse } from '../../src/smpp/commands.ts'
import { BODY_FIELDS } from '../../src/smpp/fields.ts'
import type { CommandName, PduInput } from '../../src/smpp/pdu.ts'
import { CommandStatus } from '../../src/smpp/status.ts'
import { intTlv, octetsTlv, stringTlv, TlvTag } from '../../src/smpp/tlv.ts'

const uint8 = fc.integer({ min: 0, max: 255 })
const digits = fc.stringMatching(/^[0-9]{0,20}$/)
const text = fc.stringMatching(/^[A-Za-z0-9 ,.]{0,160}$/)
const message = fc.record({
  service_type: fc.constantFrom('', 'CMT', 'USSD'),
  source_addr_ton: uint8,
  source_addr_npi: uint8,
  source_addr: fc.stringMatching(/^[A-Za-z0-9]{0,11}$/),
  dest_addr_ton: uint8,
  dest_addr_npi: uint8,
  destination_addr: digits,
  protocol_id: uint8,
  priority_flag: uint8,
  registered_delivery: uint8,
  replace_if_present_flag: uint8,
  sm_default_msg_id: uint8,
})
const sequence = fc.integer({ min: 1, max: 0x7fffffff })

describe('against the smpp package', () => {
  it('reads the messages that the package writes', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('submit_sm' as const, 'deliver_sm' as const),
        message,
        text,
        sequence,
        (command, fields, body, sequence_number) => {
          const octets = new smpp.PDU(command, {
            ...fields,
            sequence_number,
            short_message: body,
            user_message_reference: 77,
            receipted_message_id: 'ab12',
          }).toBuffer()
          expect(decodePdu(octets)).toEqual({
            ...fields,
            command,
            command_status: 0,
            sequence_number,
            esm_class: 0,
            schedule_delivery_time: '',
            validity_period: '',
            // The package names its GSM alphabet 1 where there is a text.
            data_coding: body === '' ? 0 : 1,
            short_message: Buffer.from(body, 'latin1'),
            tlvs: [intTlv('user_message_reference', 77), stringTlv('receipted_message_id', 'ab12')],
          })
        },
      ),
    )
  })

  it('writes messages that the package reads', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('submit_sm' as const, 'deliver_sm' as const),
        message,
        text,
        sequence,
        (command, fields, body, sequence_number) => {
          const pdu = new smpp.PDU(
            encodePdu({
              command,
              ...fields,
              sequence_number,
              short_message: Buffer.from(body, 'latin1'),
              tlvs: [
                intTlv('message_state', 2),
                stringTlv('receipted_message_id', 'ab12'),
                octetsTlv(TlvTag.network_error_code, Buffer.from([3, 0, 27])),
              ],
            }),
          )
          expect(pdu).toMatchObject({ command, ...fields, sequence_number })
          expect(pdu.short_message.message).toBe(body)
          expect(pdu.message_state).toBe(2)
          expect(pdu.receipted_message_id).toBe('ab12')
          expect(pdu.network_error_code).toEqual(Buffer.from([3, 0, 27]))
        },
      ),
    )
  })

  it('writes and reads submit_multi and its response as the package does', () => {
    const dest_address = [
      { dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: '447700900123' },
      { dl_name: 'staff' },
    ]
    const unsuccess_sme = [
      { dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: '447', error_status_code: 11 },
    ]
    const multi = new smpp.PDU('submit_multi', { dest_address, short_message: 'hello' }).toBuffer()
    expect(decodePdu(multi)).toMatchObject({ dest_address, short_message: Buffer.from('hello') })
    const ours = encodePdu({
      command: 'submit_multi',
      dest_address,
      data_coding: 1,
      short_message: Buffer.from('hello'),
    })
    expect(ours.equals(multi)).toBe(true)
    const response = new smpp.PDU('submit_multi_resp', { message_id: 'm', unsuccess_sme })
    expect(decodePdu(response.toBuffer())).toMatchObject({ message_id: 'm', unsuccess_sme })
    const answered = encodePdu({ command: 'submit_multi_resp', message_id: 'm', unsuccess_sme })
    expect(new smpp.PDU(answered)).toMatchObject({ message_id: 'm', unsuccess_sme })
  })

  it('agrees on the octets of every command without a message', () => {
    const sample: Record<string, unknown> = {
      system_id: 'system',
      password: 'secret',
      system_type: 'VMA',
      interface_version: 0x34,
      address_range: '^44',
      service_type: 'CMT',
      message_id: '5f3a9c01',
      source_addr: 'ACME',
      destination_addr: '447700900123',
      esme_addr: '60777',
      esm_class: 4,
      registered_delivery: 1,
      data_coding: 3,
      message_state: 2,
      error_code: 7,
    }
    const commands = (Object.keys(BODY_FIELDS) as CommandName[]).filter((command) =>
      BODY_FIELDS[command].every((field) => field.type === 'uint8' || field.type === 'cstring'),
    )
    expect(commands.length).toBeGreaterThan(20)
    for (const command of commands) {
      const fields = Object.fromEntries(
        BODY_FIELDS[command].map(({ name, type }) => [
          name,
          sample[name] ?? (type === 'uint8' ? 1 : 'x'),
        ]),
      )
      const theirs = new smpp.PDU(command, { ...fields, sequence_number: 9 }).toBuffer()
      const ours = encodePdu({ command, ...fields, sequence_number: 9 } as unknown as PduInput)
      expect(`${command} ${ours.toString('hex')}`).toBe(`${command} ${theirs.toString('hex')}`)
      expect(decodePdu(theirs)).toMatchObject({ command, ...fields })
    }
  })

  it('reads its error responses, which have no body, and writes such', () => {
    const theirs = new smpp.PDU('submit_sm_resp', { command_status: 0x58, sequence_number: 3 })
    const ours = encodePdu({
      command: 'submit_sm_resp',
      command_status: CommandStatus.ESME_RTHROTTLED,
      sequence_number: 3,
    })
    expect(ours.equals(theirs.toBuffer())).toBe(true)
    expect(decodePdu(ours)).toMatchObject({ command_status: 0x58, message_id: '' })
  })

  it('agrees on ids and names', () => {
    for (const command of Object.keys(COMMAND_IDS) as CommandName[]) {
      expect(smpp.commands[command]?.id).toBe(COMMAND_IDS[command])
      if (isResponse(command)) expect(new smpp.PDU(command).isResponse()).toBe(true)
    }
    // The package has v3.4's names for some, and a wrong value would show here.
    for (const [name, value] of Object.entries(CommandStatus)) {
      if (name in smpp.errors) expect(`${name} ${smpp.errors[name]}`).toBe(`${name} ${value}`)
    }
  })
})
