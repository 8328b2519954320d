import { describe, expect, it } from 'vitest'
import { GSM7_LANGUAGES } from '../../src/encoding/gsm7-tables.ts'
import { readVectors } from './vectors.ts'

interface LanguageVector {
  id: number
  name: string
  locking: (string | null)[] | null
  single: Record<string, string>
}

const { languages } = readVectors<{ languages: LanguageVector[] }>('gsm7-national-tables')

function hex(character: string | undefined): string | null {
  if (character === undefined || character === '\0' || character === '\x1b') return null
  return character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
}

describe('GSM7_LANGUAGES', () => {
  it('has the languages 0 to 13', () => {
    expect(languages.map(({ id }) => id)).toEqual([...GSM7_LANGUAGES.keys()])
  })

  it.each(languages)('has the tables of language $id, $name', ({ id, name, locking, single }) => {
    const tables = GSM7_LANGUAGES[id]
    expect(tables?.name).toBe(name)
    if (locking === null) {
      expect(tables?.locking).toBeUndefined()
    } else {
      expect(tables?.locking).toHaveLength(128)
      expect([...(tables?.locking ?? '')].map(hex)).toEqual(locking)
      expect(tables?.locking?.charCodeAt(0x1b)).toBe(0x1b)
    }
    const septets = tables?.singleSeptets.toUpperCase().match(/../g) ?? []
    const characters = [...(tables?.singleCharacters ?? '')]
    expect(septets).toHaveLength(characters.length)
    expect(Object.fromEntries(septets.map((key, index) => [key, hex(characters[index])]))).toEqual(
      single,
    )
  })
})
