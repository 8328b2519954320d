import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCarefully, encodeCarefully } from '../../src/smpp/careful-codec.ts'
import { decodePdu, encodePdu, readHeader } from '../../src/smpp/codec.ts'
import { COMMAND_IDS } from '../../src/smpp/commands.ts'
import { PduError, SmppError } from '../../src/smpp/errors.ts'
import { BODY_FIELDS } from '../../src/smpp/fields.ts'
import type { CommandName, DestAddress, Pdu, PduInput } from '../../src/smpp/pdu.ts'
import { CommandStatus } from '../../src/smpp/status.ts'
import { anyPdu } from './arbitraries.ts'
import { fieldsOf, inputOf, PDU_VECTORS } from './vectors.ts'

/** A PDU of any command with these octets as its body. */
function frameOf(command: CommandName, body: string | Buffer, status = 0): Buffer {
  const octets = typeof body === 'string' ? Buffer.from(body, 'latin1') : body
  const header = Buffer.alloc(16)
  header.writeUInt32BE(16 + octets.length, 0)
  header.writeUInt32BE(COMMAND_IDS[command], 4)
  header.writeUInt32BE(status, 8)
  header.writeUInt32BE(77, 12)
  return Buffer.concat([header, octets])
}

function pduErrorOf(frame: Buffer): PduError {
  try {
    decodePdu(frame)
  } catch (error) {
    if (error instanceof PduError) return error
    throw error
  }
  throw new Error('the PDU was decoded')
}

function messageOf(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    if (error instanceof SmppError && error.code === 'pdu_unencodable') return error.message
    throw error
  }
  throw new Error('the PDU was encoded')
}

/** The body of a submit_sm or deliver_sm up to sm_length, with some fields replaced. */
function messageBody(fields: Record<string, string> = {}): string {
  const defaults: Record<string, string> = {
    service_type: '\0',
    source: '\0\0\0',
    dest: '\0\0\0',
    flags: '\0\0\0',
    schedule: '\0',
    validity: '\0',
    more: '\0\0\0\0',
  }
  return Object.values({ ...defaults, ...fields }).join('')
}

describe('the PDU vectors', () => {
  for (const vector of PDU_VECTORS) {
    it(`encodes ${vector.name}`, () => {
      expect(encodePdu(inputOf(vector)).toString('hex')).toBe(vector.hex)
      expect(encodeCarefully(inputOf(vector), 254).toString('hex')).toBe(vector.hex)
    })

    it(`decodes ${vector.name}`, () => {
      const frame = Buffer.from(vector.hex, 'hex')
      expect(decodePdu(frame)).toMatchObject(fieldsOf(vector))
      expect(decodeCarefully(frame, readHeader(frame))).toEqual(decodePdu(frame))
      const { command_length, command_status, sequence_number } = vector.header
      const command_id = Number(vector.header.command_id)
      expect(readHeader(frame)).toEqual({
        command_length,
        command_id,
        command_status,
        sequence_number,
      })
    })
  }
})

describe('encodePdu', () => {
  it('gives absent fields their empty values', () => {
    const short: PduInput = { command: 'submit_sm', destination_addr: '447700900123' }
    const decoded = decodePdu(encodePdu(short))
    expect(decoded).toMatchObject({
      command: 'submit_sm',
      sequence_number: 0,
      service_type: '',
      source_addr: '',
      validity_period: '',
      data_coding: 0,
      short_message: Buffer.alloc(0),
      tlvs: [],
    })
  })

  it('gives absent fields of a list their empty values', () => {
    const dest_address = [{ dl_name: undefined }, {}] as unknown as DestAddress[]
    const pdu = decodePdu(encodePdu({ command: 'submit_multi', dest_address }))
    expect(pdu).toMatchObject({
      dest_address: [{ dl_name: '' }, { dest_addr_ton: 0, dest_addr_npi: 0, destination_addr: '' }],
    })
  })

  it('sends an error response as its header alone when no field is given', () => {
    for (const command of ['submit_sm_resp', 'bind_transceiver_resp', 'query_sm_resp'] as const) {
      const bare = encodePdu({ command, command_status: 0x58, sequence_number: 9 })
      expect(bare.length).toBe(16)
      expect(decodePdu(bare)).toMatchObject({ command, command_status: 0x58, sequence_number: 9 })
    }
    const status = CommandStatus.ESME_RMSGQFUL
    const given = encodePdu({ command: 'submit_sm_resp', command_status: status, message_id: '' })
    expect(given.length).toBe(17)
    const tlvs = [{ tag: 0x0425, value: Buffer.from([1]) }]
    const withTlv = encodePdu({ command: 'data_sm_resp', command_status: status, tlvs })
    expect(decodePdu(withTlv)).toMatchObject({ message_id: '', tlvs })
  })

  it('sends the body of a response without an error', () => {
    expect(encodePdu({ command: 'deliver_sm_resp' }).length).toBe(17)
    expect(encodePdu({ command: 'bind_receiver_resp' }).length).toBe(17)
  })

  it('names the field, the size and the maximum', () => {
    const cases: [PduInput, string][] = [
      [
        { command: 'submit_sm', source_addr: '1'.repeat(21) },
        'source_addr has 22 octets with its NUL, maximum 21',
      ],
      [
        { command: 'bind_transceiver', password: 'ninechars' },
        'password has 10 octets with its NUL, maximum 9',
      ],
      [{ command: 'submit_sm', data_coding: 256 }, 'data_coding is 256, not an integer in 0..255'],
      [{ command: 'submit_sm', esm_class: -1 }, 'esm_class is -1, not an integer in 0..255'],
      [{ command: 'submit_sm', esm_class: 1.5 }, 'esm_class is 1.5, not an integer in 0..255'],
      [{ command: 'submit_sm', esm_class: Number.NaN }, 'esm_class is NaN'],
      [
        { command: 'submit_sm', short_message: Buffer.alloc(255) },
        'short_message has 255 octets, maximum 254',
      ],
      [{ command: 'submit_sm', validity_period: '1' }, 'validity_period has 1 characters'],
      [{ command: 'submit_sm', source_addr: 'Ω' }, 'source_addr holds U+03A9 at 0'],
      [{ command: 'submit_sm', source_addr: 'a\0b' }, 'source_addr holds U+0000 at 1'],
      [{ command: 'enquire_link', sequence_number: 2 ** 32 }, 'sequence_number is 4294967296'],
      [{ command: 'submit_sm_resp', command_status: -1 }, 'command_status is -1'],
      [{ command: 'submit_multi' }, 'dest_address has 0 entries, not 1..254'],
      [
        { command: 'submit_multi', dest_address: [{ dl_name: 'x'.repeat(21) }] },
        'dl_name has 22 octets',
      ],
      [
        { command: 'submit_sm', tlvs: [{ tag: 0x10000, value: Buffer.alloc(0) }] },
        'TLV tag 65536 is not in 0..65535',
      ],
      [
        { command: 'submit_sm', tlvs: [{ tag: 0x424, value: Buffer.alloc(65_536) }] },
        'TLV 1060 has 65536 octets',
      ],
      [{ command: 'toString' } as unknown as PduInput, 'there is no command toString'],
      [{ command: 'submit_sm', source_addr: 7 } as unknown as PduInput, 'source_addr is number'],
      [
        { command: 'submit_sm', short_message: 'text' } as unknown as PduInput,
        'short_message is string',
      ],
    ]
    for (const [pdu, message] of cases) {
      expect(messageOf(() => encodePdu(pdu))).toContain(message)
    }
  })

  it('takes 255 octets of short_message for v5.0 only', () => {
    const pdu: PduInput = { command: 'submit_sm', short_message: Buffer.alloc(255, 1) }
    expect(messageOf(() => encodePdu(pdu))).toContain('maximum 254')
    const frame = encodePdu(pdu, { maxShortMessageOctets: 255 })
    expect(decodePdu(frame)).toMatchObject({ short_message: pdu.short_message })
  })

  it('writes and reads latin1', () => {
    const frame = encodePdu({ command: 'deliver_sm', source_addr: 'Größe©ÿ' })
    expect(decodePdu(frame)).toMatchObject({ source_addr: 'Größe©ÿ' })
  })
})

describe('decodePdu on requests', () => {
  it('answers an unknown command with ESME_RINVCMDID', () => {
    for (const id of ['00000022', '00000000', '0000ffff', '7fffffff', '8000ffff', '00000114']) {
      const error = pduErrorOf(Buffer.from(`00000010${id}0000000000000005`, 'hex'))
      expect(error.commandStatus).toBe(CommandStatus.ESME_RINVCMDID)
      expect(error.header.sequence_number).toBe(5)
    }
  })

  it('answers an over-long string with the status of its field', () => {
    const long = (octets: number) => `${'1'.repeat(octets)}\0`
    const cases: [CommandName, string, keyof typeof CommandStatus][] = [
      ['bind_transceiver', long(16), 'ESME_RINVSYSID'],
      ['bind_transceiver', `id\0${long(9)}`, 'ESME_RINVPASWD'],
      ['bind_transceiver', `id\0pw\0${long(13)}`, 'ESME_RINVSYSTYP'],
      ['bind_transceiver', `id\0pw\0\x00444${long(41)}`, 'ESME_RBINDFAIL'],
      ['submit_sm', messageBody({ service_type: long(6) }), 'ESME_RINVSERTYP'],
      ['submit_sm', messageBody({ source: `\0\0${long(21)}` }), 'ESME_RINVSRCADR'],
      ['submit_sm', messageBody({ dest: `\0\0${long(21)}` }), 'ESME_RINVDSTADR'],
      ['submit_sm', messageBody({ schedule: long(17) }), 'ESME_RINVSCHED'],
      ['submit_sm', messageBody({ schedule: long(10) }), 'ESME_RINVSCHED'],
      ['submit_sm', messageBody({ validity: long(1) }), 'ESME_RINVEXPIRY'],
      ['query_sm', long(65), 'ESME_RINVMSGID'],
      ['deliver_sm', messageBody({ source: `\0\0${long(21)}` }), 'ESME_RINVSRCADR'],
      // The same without a NUL anywhere: too long already.
      ['query_sm', '1'.repeat(66), 'ESME_RINVMSGID'],
    ]
    for (const [command, body, status] of cases) {
      expect(pduErrorOf(frameOf(command, body)).commandStatus).toBe(CommandStatus[status])
    }
  })

  it('answers a body that ends early with ESME_RINVCMDLEN or ESME_RINVMSGLEN', () => {
    const whole = frameOf('submit_sm', `${messageBody()}\x04text`)
    for (let end = 16; end < whole.length; end++) {
      const cut = Buffer.from(whole.subarray(0, end))
      cut.writeUInt32BE(end)
      const status = end > whole.length - 5 ? 'ESME_RINVMSGLEN' : 'ESME_RINVCMDLEN'
      expect(pduErrorOf(cut).commandStatus).toBe(CommandStatus[status])
    }
  })

  it('answers a TLV that runs past the end with ESME_RINVTLVSTREAM', () => {
    const body = `${messageBody()}\0\x02\x04\0\x03\0\x01`
    expect(pduErrorOf(frameOf('submit_sm', body)).commandStatus).toBe(
      CommandStatus.ESME_RINVTLVSTREAM,
    )
    // Two octets short is too much even for a receipt.
    const receipt = `${messageBody()}\0\x02\x04\0\x04\0\x01`
    expect(pduErrorOf(frameOf('deliver_sm', receipt)).commandStatus).toBe(
      CommandStatus.ESME_RINVTLVSTREAM,
    )
  })

  it('answers wrong lists of submit_multi', () => {
    const head = '\0\0\0\0'
    expect(pduErrorOf(frameOf('submit_multi', `${head}\0`)).commandStatus).toBe(
      CommandStatus.ESME_RINVNUMDESTS,
    )
    expect(pduErrorOf(frameOf('submit_multi', `${head}\xff`)).commandStatus).toBe(
      CommandStatus.ESME_RINVNUMDESTS,
    )
    expect(pduErrorOf(frameOf('submit_multi', `${head}\x01\x03`)).commandStatus).toBe(
      CommandStatus.ESME_RINVDESTFLAG,
    )
    const list = `${head}\x01\x02${'n'.repeat(21)}\0`
    expect(pduErrorOf(frameOf('submit_multi', list)).commandStatus).toBe(
      CommandStatus.ESME_RINVDLNAME,
    )
  })

  it('tolerates one to three octets left over', () => {
    for (const rest of ['\0', 'ab', '\x01\x02\x03']) {
      const frame = frameOf('submit_sm', `${messageBody()}\x01x${rest}`)
      expect(decodePdu(frame)).toMatchObject({ short_message: Buffer.from('x'), tlvs: [] })
    }
  })

  it('accepts a deliver_sm whose short_message or last TLV is shorter than announced', () => {
    const short = frameOf('deliver_sm', `${messageBody()}\x09text`)
    expect(decodePdu(short)).toMatchObject({ short_message: Buffer.from('text'), tlvs: [] })
    const oneMore = frameOf('deliver_sm', `${messageBody()}\0\0\x1e\0\x04abc`)
    expect(decodePdu(oneMore)).toMatchObject({ tlvs: [{ tag: 0x1e, value: Buffer.from('abc') }] })
    const data = frameOf('data_sm', '\0\0\0\0\0\0\0\0\0\0\x04\x24\0\x03ab')
    expect(decodePdu(data)).toMatchObject({ tlvs: [{ tag: 0x424, value: Buffer.from('ab') }] })
  })

  it('accepts a deliver_sm with odd times, which mean nothing there', () => {
    const frame = frameOf('deliver_sm', `${messageBody({ validity: '240101\0' })}\0`)
    expect(decodePdu(frame)).toMatchObject({ validity_period: '240101' })
  })

  it('refuses octets that are not one whole PDU', () => {
    expect(pduErrorOf(Buffer.alloc(15)).commandStatus).toBe(CommandStatus.ESME_RINVCMDLEN)
    const longer = Buffer.concat([frameOf('enquire_link', ''), Buffer.alloc(1)])
    expect(pduErrorOf(longer).commandStatus).toBe(CommandStatus.ESME_RINVCMDLEN)
  })

  it('takes no stack, which would say nothing of octets', () => {
    const { stackTraceLimit } = Error
    const error = pduErrorOf(Buffer.alloc(3))
    expect(error.stack).not.toContain('\n')
    expect(Error.stackTraceLimit).toBe(stackTraceLimit)
  })

  it('never repeats a password in its message', () => {
    const error = pduErrorOf(frameOf('bind_transmitter', 'id\0secret-and-too-long\0'))
    expect(error.message).not.toContain('secret')
  })
})

describe('decodePdu on responses', () => {
  it('accepts them without a body, whatever the status', () => {
    for (const status of [0, 8]) {
      expect(decodePdu(frameOf('deliver_sm_resp', '', status))).toMatchObject({ message_id: '' })
      expect(decodePdu(frameOf('submit_sm_resp', '', status))).toMatchObject({ message_id: '' })
      expect(decodePdu(frameOf('query_sm_resp', '', status))).toMatchObject({
        message_id: '',
        final_date: '',
        message_state: 0,
        error_code: 0,
      })
      expect(decodePdu(frameOf('submit_multi_resp', '', status))).toMatchObject({
        unsuccess_sme: [],
      })
    }
  })

  it('accepts a message_id without a NUL, and one that is too long', () => {
    expect(decodePdu(frameOf('submit_sm_resp', '5f3a9c01'))).toMatchObject({
      message_id: '5f3a9c01',
    })
    const long = 'x'.repeat(200)
    expect(decodePdu(frameOf('submit_sm_resp', `${long}\0`))).toMatchObject({ message_id: long })
  })

  it('cuts a TLV that runs past the end', () => {
    const frame = frameOf('bind_transceiver_resp', 'smsc\0\x02\x10\0\x05\x34')
    expect(decodePdu(frame)).toMatchObject({
      system_id: 'smsc',
      tlvs: [{ tag: 0x210, value: Buffer.from([0x34]) }],
    })
  })

  it('keeps the whole entries of a list that is cut', () => {
    const body = Buffer.from('M1\0\x02\x01\x01447\0\0\0\0\x0b\x01\x01448\0\0\0', 'latin1')
    expect(decodePdu(frameOf('submit_multi_resp', body))).toMatchObject({
      unsuccess_sme: [
        { dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: '447', error_status_code: 11 },
      ],
    })
  })

  it('decodes any response, whatever its body holds', () => {
    const responses = (Object.keys(BODY_FIELDS) as CommandName[]).filter(
      (command) => COMMAND_IDS[command] >= 0x80000000,
    )
    fc.assert(
      fc.property(
        fc.constantFrom(...responses),
        fc.uint8Array({ maxLength: 80 }),
        (command, body) => {
          expect(decodePdu(frameOf(command, Buffer.from(body))).command).toBe(command)
        },
      ),
    )
  })
})

describe('the codec as a whole', () => {
  it('decodes what it encodes', () => {
    fc.assert(
      fc.property(anyPdu, (pdu) => {
        expect(decodePdu(encodePdu(pdu as PduInput))).toEqual(pdu)
      }),
      { numRuns: 500 },
    )
  })

  it('gives the same octets and fields compiled and careful', () => {
    fc.assert(
      fc.property(anyPdu, (pdu) => {
        const frame = encodePdu(pdu as PduInput)
        expect(encodeCarefully(pdu as PduInput, 254).equals(frame)).toBe(true)
        expect(decodeCarefully(frame, readHeader(frame))).toEqual(decodePdu(frame))
      }),
      { numRuns: 300 },
    )
  })

  it('decodes or throws a PduError for any octets, compiled and careful alike', () => {
    const commands = fc.constantFrom(...(Object.keys(BODY_FIELDS) as CommandName[]))
    const random = fc
      .tuple(commands, fc.uint8Array({ maxLength: 120 }))
      .map(([command, body]) => frameOf(command, Buffer.from(body)))
    const mutated = fc
      .tuple(
        fc.constantFrom(...PDU_VECTORS),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
        fc.nat(),
      )
      .map(([vector, changes, cut]) => {
        const whole = Buffer.from(vector.hex, 'hex')
        for (const [place, octet] of changes) whole[4 + (place % (whole.length - 4))] = octet
        const frame = whole.subarray(
          0,
          cut % 3 === 0 ? 16 + (cut % (whole.length - 15)) : undefined,
        )
        frame.writeUInt32BE(frame.length)
        return frame
      })
    fc.assert(
      fc.property(fc.oneof(random, mutated), (frame) => {
        expect(outcomeOf(() => decodePdu(frame))).toEqual(
          outcomeOf(() => decodeCarefully(frame, readHeader(frame))),
        )
      }),
      { numRuns: 2000 },
    )
  })

  it('gives every PDU of a command the same fields in the same order', () => {
    for (const vector of PDU_VECTORS) {
      const pdu = decodePdu(Buffer.from(vector.hex, 'hex'))
      expect(Object.keys(pdu)).toEqual([
        'command',
        'command_status',
        'sequence_number',
        'tlvs',
        ...BODY_FIELDS[pdu.command].map((field) => field.name),
      ])
    }
  })
})

function outcomeOf(decode: () => Pdu): unknown {
  try {
    return decode()
  } catch (error) {
    if (!(error instanceof PduError)) throw error
    return { status: error.commandStatus, header: error.header, message: error.message }
  }
}
