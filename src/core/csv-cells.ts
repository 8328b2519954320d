const QUOTE = '"'

/**
 * The cells of one row, without the blanks around them; a text says why it cannot be read.
 *
 * A cell in quotes may have separators in it, and quotes written twice, RFC 4180; it ends in its line.
 */
export function cellsOf(line: string, separator: string): string[] | string {
  if (!line.includes(QUOTE)) {
    const cells = line.split(separator)
    for (const [index, cell] of cells.entries()) cells[index] = cell.trim()
    return cells
  }
  const cells: string[] = []
  let position = 0
  while (position <= line.length) {
    while (line[position] === ' ') position++
    if (line[position] !== QUOTE) {
      const end = endOf(line, separator, position)
      cells.push(line.slice(position, end).trim())
      position = end + 1
      continue
    }
    let value = ''
    let next = position + 1
    for (;;) {
      const quote = line.indexOf(QUOTE, next)
      if (quote < 0) return 'has a quote that is not closed: close it in the same line'
      value += line.slice(next, quote)
      next = quote + 1
      if (line[next] !== QUOTE) break
      value += QUOTE
      next++
    }
    const end = endOf(line, separator, next)
    if (line.slice(next, end).trim() !== '') {
      return 'has characters after a closing quote: write a quote within quotes twice'
    }
    cells.push(value.trim())
    position = end + 1
  }
  return cells
}

function endOf(line: string, separator: string, from: number): number {
  const end = line.indexOf(separator, from)
  return end < 0 ? line.length : end
}
