/** One line of a file that cannot be taken. */
export interface LineMistake {
  /** Counted from 1. */
  readonly line: number
  /** What is wrong, with the value, and what would be right. */
  readonly message: string
}

const MAX_LISTED = 100
const MAX_SHOWN = 60

/** What is wrong in a file: the first hundred mistakes, and how many there are in all. */
export class LineMistakes {
  readonly list: LineMistake[] = []
  #count = 0

  get count(): number {
    return this.#count
  }

  add(line: number, message: string): void {
    this.#count++
    if (this.list.length < MAX_LISTED) this.list.push({ line, message })
  }
}

/** A value as a mistake shows it: quoted and shortened. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text
}
