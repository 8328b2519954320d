import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CsvRow, CsvRows } from '../../src/core/csv-rows.ts'
import { atOnce } from '../../src/core/turns.ts'

function rowsOf(...pieces: readonly string[]): CsvRow[] {
  const rows: CsvRow[] = []
  const csv = new CsvRows((row) => rows.push(row))
  for (const piece of pieces) atOnce(csv.take(piece))
  csv.end()
  return rows
}

describe('CsvRows', () => {
  it('counts lines, passes over empty ones, and takes the separator of the first', () => {
    expect(rowsOf('\uFEFFid;to\r\n\r\n1; "a;b"\r\n2;c,d')).toEqual([
      { line: 1, cells: ['id', 'to'] },
      { line: 3, cells: ['1', 'a;b'] },
      { line: 4, cells: ['2', 'c,d'] },
    ])
  })

  it('says why a row cannot be read, and goes on', () => {
    expect(rowsOf('id\n"1\n2\n')).toEqual([
      { line: 1, cells: ['id'] },
      { line: 2, fault: expect.stringContaining('quote'), isEnd: false },
      { line: 3, cells: ['2'] },
    ])
  })

  it('gives up at a line without an end', () => {
    expect(rowsOf('id\n', 'x'.repeat(10_001), 'x\n2\n')).toEqual([
      { line: 1, cells: ['id'] },
      { line: 2, fault: expect.stringContaining('10000 characters'), isEnd: true },
    ])
  })

  it('reads nothing more once it is stopped', () => {
    const rows: CsvRow[] = []
    const csv = new CsvRows((row) => {
      rows.push(row)
      csv.stop()
    })
    atOnce(csv.take('a\nb\nc'))
    csv.end()
    expect(rows).toEqual([{ line: 1, cells: ['a'] }])
  })

  it('gives the same rows wherever the pieces are cut', () => {
    const text = 'a,b\n1,"x, y"\r\n\n2,z\n3,'
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 5 }), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), text.length]
        const pieces = places.slice(1).map((end, index) => text.slice(places[index], end))
        expect(rowsOf(...pieces)).toEqual(rowsOf(text))
      }),
    )
  })
})
