import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { LineMistake } from '../routing/line-mistakes.ts'
import type { NetworkDirectory } from './directory.ts'

/** Files of the configuration; undefined: none. */
export interface TableFiles {
  readonly networkFile: string | undefined
  readonly portedFile: string | undefined
}

/** What a file says. */
export type TableKind = 'networks' | 'ported_numbers'

/** Told of a file that was taken in. */
export type OnTableTaken = (kind: TableKind, file: string, rows: number) => void

/** Mistakes of a file that are logged. */
const LOGGED_MISTAKES = 10

/**
 * Takes the files of the configuration in where they are others than the last time.
 *
 * A file that cannot be read, or has a mistake, is logged, and what was there before stays: a slip in it
 * must not keep the gateway from starting.
 */
export async function takeInFiles(
  directory: NetworkDirectory,
  { networkFile, portedFile }: TableFiles,
  logger: Logger,
  onTaken: OnTableTaken = () => {},
): Promise<void> {
  if (networkFile !== undefined) {
    const rows = await reported(networkFile, logger, () => takeInNetworks(directory, networkFile))
    if (rows !== null) onTaken('networks', networkFile, rows)
  }
  if (portedFile !== undefined) {
    const rows = await reported(portedFile, logger, () => takeInPorted(directory, portedFile))
    if (rows !== null) onTaken('ported_numbers', portedFile, rows)
  }
}

interface Outcome {
  readonly rows: number
  readonly mistakes: readonly LineMistake[]
  readonly mistakeCount: number
}

async function takeInNetworks(directory: NetworkDirectory, file: string): Promise<Outcome | null> {
  const source = sourceOf(file)
  const text = await readFile(file, 'utf8')
  if (await directory.isKnown('ranges', createHash('sha256').update(text).digest('hex'), source)) {
    return null
  }
  const wish = { format: 'csv', text, source, replaces: '', isPreview: false } as const
  return directory.importNetworks(wish)
}

async function takeInPorted(directory: NetworkDirectory, file: string): Promise<Outcome | null> {
  const source = sourceOf(file)
  const hash = createHash('sha256')
  for await (const piece of createReadStream(file)) hash.update(piece as Buffer)
  const digest = hash.digest('hex')
  if (await directory.isKnown('ported', digest, source)) return null
  const wish = { replaces: true, isPreview: false }
  const report = await directory.importPorted(createReadStream(file), wish)
  if (report.isApplied) await directory.notePortedFile(digest, source, report.rows)
  return report
}

/** Gives how many rows were taken in; null: none, the file is known or cannot be used. */
async function reported(
  file: string,
  logger: Logger,
  takeIn: () => Promise<Outcome | null>,
): Promise<number | null> {
  try {
    const outcome = await takeIn()
    if (!outcome) return null
    const { rows, mistakes, mistakeCount } = outcome
    if (mistakeCount === 0) {
      logger.info({ file, rows }, 'a file about numbers was taken in')
      return rows
    }
    const lines = mistakes
      .slice(0, LOGGED_MISTAKES)
      .map(({ line, message }) => `line ${line}: ${message}`)
    logger.error(
      { file, mistakeCount, lines },
      'a file about numbers has mistakes: the old one stays',
    )
  } catch (error) {
    logger.error(
      { file, error: messageOf(error) },
      'a file about numbers cannot be taken in: the old one stays',
    )
  }
  return null
}

function sourceOf(file: string): string {
  return `file ${file}`
}
