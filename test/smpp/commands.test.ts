import { describe, expect, it } from 'vitest'
import {
  COMMAND_IDS,
  commandName,
  describeCommand,
  isResponse,
  responseNameOf,
} from '../../src/smpp/commands.ts'
import type { CommandName } from '../../src/smpp/pdu.ts'
import { readVectors } from './vectors.ts'

const { commands } = readVectors<{ commands: { id: string; name: string; versions: string[] }[] }>(
  'commands.json',
)

describe('command ids', () => {
  for (const { id, name, versions } of commands) {
    it(`${id} is ${name}`, () => {
      expect(describeCommand(Number(id))).toBe(name)
      const obsolete = versions.length === 1 && versions[0] === '3.3'
      expect(commandName(Number(id))).toBe(obsolete ? undefined : name)
      expect(isResponse(Number(id))).toBe(Number(id) >= 0x80000000)
    })
  }

  it('are the list and nothing else', () => {
    const known = commands.map(({ name }) => name)
    expect(Object.keys(COMMAND_IDS).filter((name) => !known.includes(name))).toEqual([])
  })

  it('name the response of each request that has one', () => {
    for (const name of Object.keys(COMMAND_IDS) as CommandName[]) {
      const none = isResponse(name) || name === 'outbind' || name === 'alert_notification'
      expect(responseNameOf(name)).toBe(none ? undefined : `${name}_resp`)
    }
  })

  it('are described when nobody knows them', () => {
    expect(commandName(0x7fffffff)).toBeUndefined()
    expect(commandName(0x800000ff)).toBeUndefined()
    expect(describeCommand(0x800000ff)).toBe('command 0x800000ff')
  })
})
