import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Delivery } from './delivery.ts'

/** What a simulated carrier remembers over a restart. */
export interface SandboxState {
  /** Deliveries that nobody has acknowledged, with the instant they are due. */
  readonly deliveries: readonly { readonly dueMs: number; readonly delivery: Delivery }[]
}

const FORMAT = 1

/**
 * Reads the state; undefined when there is no file.
 *
 * @throws {SyntaxError} when the file is not what {@link saveState} writes
 */
export function loadState(file: string): SandboxState | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const content: { format?: unknown; deliveries?: unknown } | null = JSON.parse(text)
  if (content?.format !== FORMAT || !Array.isArray(content.deliveries)) {
    throw new SyntaxError(`${file} is not the state of a simulated carrier`)
  }
  return { deliveries: content.deliveries }
}

/** Writes the state beside the file and renames it, so that a crash leaves the old or the new one. */
export function saveState(file: string, state: SandboxState): void {
  mkdirSync(dirname(file), { recursive: true })
  const temporary = `${file}.${process.pid}.tmp`
  writeFileSync(temporary, JSON.stringify({ format: FORMAT, ...state }))
  renameSync(temporary, file)
}
