import { expect, it } from 'vitest'
import { csvCell, csvOf } from '../../src/core/csv.ts'

it('quotes what would be read as something else, and nothing else', () => {
  expect(
    csvOf(
      ['name', 'count'],
      [
        ['a, "b"', 1],
        ['two\nlines', null],
        ['44 7700', -2],
      ],
    ),
  ).toBe('name,count\r\n"a, ""b""",1\r\n"two\nlines",\r\n44 7700,-2\r\n')
})

it.each([
  ['=HYPERLINK("http://x")', `"'=HYPERLINK(""http://x"")"`],
  ['=1+1', "'=1+1"],
  ['@SUM(A1)', "'@SUM(A1)"],
  ['+cmd|calc!A0', "'+cmd|calc!A0"],
  ['-2+3', "'-2+3"],
  ['+44 7700', "'+44 7700"],
  ['--1', "'--1"],
  ['-', "'-"],
  ['\t=1', "'\t=1"],
  ['\r=1', `"'\r=1"`],
])('leaves no spreadsheet a formula in %j', (text, cell) => {
  expect(csvCell(text)).toBe(cell)
})

it.each(['+447700900123', '-0.0350', '-12', '1=1', 'a@b.example', 'x-y', '2026-10-01'])(
  'leaves %j as it is',
  (text) => {
    expect(csvCell(text)).toBe(text)
  },
)
