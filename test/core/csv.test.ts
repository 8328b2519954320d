import { expect, it } from 'vitest'
import { csvOf } from '../../src/core/csv.ts'

it('quotes what would be read as something else, and nothing else', () => {
  expect(
    csvOf(
      ['name', 'count'],
      [
        ['a, "b"', 1],
        ['two\nlines', null],
        ['+44 7700', -2],
      ],
    ),
  ).toBe('name,count\r\n"a, ""b""",1\r\n"two\nlines",\r\n+44 7700,-2\r\n')
})
