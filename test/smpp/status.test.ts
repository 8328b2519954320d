import { describe, expect, it } from 'vitest'
import { CommandStatus, statusCode, statusInfo } from '../../src/smpp/status.ts'
import { readVectors } from './vectors.ts'

const { codes } = readVectors<{
  codes: { code: string; name: string; meaning: string; retry: string; note: string }[]
}>('command-status.json')

describe('command_status', () => {
  for (const { code, name, meaning, retry, note } of codes) {
    it(`${code} is ${name}`, () => {
      expect(statusInfo(Number(code))).toEqual({ code: Number(code), name, meaning, retry })
      expect(statusCode(name)).toBe(Number(code))
      const oldName = /3\.4 name (\w+)/.exec(note)?.[1]
      if (oldName !== undefined) expect(statusCode(oldName)).toBe(Number(code))
    })
  }

  it('has no other names', () => {
    expect(Object.keys(CommandStatus).sort()).toEqual(codes.map(({ name }) => name).sort())
    expect(statusCode('ESME_RNOSUCH')).toBeUndefined()
    expect(statusCode('toString')).toBeUndefined()
  })

  it('says something about any number', () => {
    expect(statusInfo(0x400)).toMatchObject({ name: '0x00000400', retry: 'permanent' })
    expect(statusInfo(0x4ff)).toMatchObject({ meaning: 'vendor specific', retry: 'permanent' })
    expect(statusInfo(0x3ff)).toMatchObject({ meaning: 'reserved', retry: 'transient' })
    expect(statusInfo(0x500).retry).toBe('transient')
    expect(statusInfo(0xffffffff)).toMatchObject({ name: '0xffffffff', retry: 'transient' })
  })
})
