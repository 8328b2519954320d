import { describe, expect, it } from 'vitest'
import { CODE_BY_STATUS, rawStatus, statusFailure } from '../../src/carriers/smpp-failure.ts'
import { failureInfo } from '../../src/messages/failure.ts'
import { CommandStatus, statusInfo } from '../../src/smpp/status.ts'

describe('command_status', () => {
  it('is written as the specification writes it', () => expect(rawStatus(0x58)).toBe('0x00000058'))

  it.each([
    [0x01, 'message_length_invalid'],
    [0x08, 'carrier_error'],
    [0x0a, 'sender_invalid'],
    [0x0b, 'destination_invalid'],
    [0x14, 'carrier_queue_full'],
    [0x45, 'carrier_refused'],
    [0x58, 'carrier_throttled'],
    [0x101, 'carrier_unauthorised'],
    [0x104, 'encoding_refused'],
    [0x400, 'carrier_specific'],
    [0x4ff, 'carrier_specific'],
    [0x500, 'carrier_refused'],
    [0xfffffff, 'carrier_refused'],
  ])('%s is %s', (status, code) => expect(statusFailure(status)).toBe(code))

  it('maps only values that the specification defines', () => {
    const defined = new Set<number>(Object.values(CommandStatus))
    for (const status of Object.keys(CODE_BY_STATUS).map(Number)) {
      expect(defined, `0x${status.toString(16)}`).toContain(status)
    }
  })

  it('agrees with the protocol core about what may work later', () => {
    for (const status of Object.keys(CODE_BY_STATUS).map(Number)) {
      const { retry, name } = statusInfo(status)
      // "submit failed" says nothing either way; unauthorised is the operator's, not the message's.
      if (name === 'ESME_RSUBMITFAIL' || retry === 'auth') continue
      const expected = retry === 'permanent' ? 'permanent' : 'passing'
      expect(failureInfo(statusFailure(status)).class, name).toBe(expected)
    }
  })
})
