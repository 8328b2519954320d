import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { type ApiAccess, type ApiProblem, callApi, uploadToApi } from './api-call.ts'
import { GatewayError, messageOf } from './core/errors.ts'

/** How a command speaks to the gateway and to its caller. */
export interface NumberCommand extends ApiAccess {
  readonly say: (line: string) => void
  readonly complain: (line: string) => void
}

/** How a file is taken in. */
export interface FileChoice {
  /** A form of networks files, or `ported`; undefined: what the file's name says. */
  readonly format?: string | undefined
  /** Only ranges that begin so are replaced; undefined: what the file's name says, or all. */
  readonly replaces?: string | undefined
  /** For ported numbers: those that are not in the file are taken out. */
  readonly replace?: boolean | undefined
  readonly preview?: boolean | undefined
}

interface ShownNetwork {
  readonly mccmnc: string
  readonly name: string
}

interface ShownNumber {
  readonly number: string
  readonly country: string
  readonly type: string
  readonly region: string
  readonly network: ShownNetwork | null
  readonly ported: boolean
  readonly from: string | null
  readonly range: (ShownNetwork & { readonly prefix: string }) | null
}

interface ShownVersion {
  readonly id: string
  readonly kind: string
  readonly created_at: string
  readonly source: string
  readonly rows: number
  readonly is_current: boolean
}

interface ShownTables {
  readonly ranges: number
  readonly names: number
  readonly ported: number
  readonly versions: readonly ShownVersion[]
}

interface Report extends ApiProblem {
  readonly rows: number
  readonly mistake_count: number
  readonly mistakes: readonly { readonly line: number; readonly detail: string }[]
  readonly errors?: readonly { readonly detail: string }[]
  readonly removed?: number
  readonly changes?: {
    readonly added: number
    readonly changed: number
    readonly removed: number
    readonly unchanged: number
    readonly examples: readonly {
      readonly prefix: string
      readonly before: ShownNetwork | null
      readonly after: ShownNetwork | null
    }[]
  } | null
}

/** Prints what is known of a number; false when that did not work. */
export async function showNumber(
  command: NumberCommand,
  number: string,
  asks: boolean,
): Promise<boolean> {
  const path = `/v1/numbers/${encodeURIComponent(number)}?lookup=${asks}`
  const found = await callApi<ShownNumber>(command, 'GET', path)
  if (isProblem(command, found)) return false
  const { say } = command
  const { network, range, from } = found
  say(`number   ${found.number}`)
  say(`country  ${found.country} (${found.region})`)
  say(`type     ${found.type}`)
  say(`network  ${networkText(network)}${from === null ? '' : `, from ${SOURCES[from] ?? from}`}`)
  say(`ported   ${found.ported ? 'yes' : 'not known to be'}`)
  if (range) say(`range    ${range.prefix}: ${networkText(range)}`)
  return true
}

/** Prints the tables and their versions; false when that did not work. */
export async function listNetworks(command: NumberCommand): Promise<boolean> {
  const tables = await callApi<ShownTables>(command, 'GET', '/v1/networks')
  if (isProblem(command, tables)) return false
  return sayTables(command, tables)
}

/** Makes an earlier version count again; false when that did not work. */
export async function restoreNetworks(command: NumberCommand, id: string): Promise<boolean> {
  const path = `/v1/networks/${encodeURIComponent(id)}/restore`
  const tables = await callApi<ShownTables>(command, 'POST', path)
  if (isProblem(command, tables)) return false
  return sayTables(command, tables)
}

/** Sets the network of one number, or takes it out of the ported ones; false when that did not work. */
export async function portNumber(
  command: NumberCommand,
  number: string,
  mccmnc: string | undefined,
): Promise<boolean> {
  const path = `/v1/ported-numbers/${encodeURIComponent(number)}`
  const answer =
    mccmnc === undefined
      ? await callApi<object>(command, 'DELETE', path)
      : await callApi<object>(command, 'PUT', path, { mccmnc })
  if (isProblem(command, answer)) return false
  command.say(mccmnc === undefined ? `${number} is out` : `${number} is with ${mccmnc}`)
  return true
}

/** Takes a file in, or prints what is wrong with it; false when nothing was taken in. */
export async function importFile(
  command: NumberCommand,
  file: string,
  choice: FileChoice,
): Promise<boolean> {
  const { say, complain } = command
  const preview = choice.preview ?? false
  const body = await contentOf(file)
  const format = choice.format ?? formatOf(file)
  const query = new URLSearchParams({ preview: String(preview) })
  if (format === 'ported') query.set('replace', String(choice.replace ?? false))
  else {
    query.set('format', format)
    query.set('name', basename(file))
    query.set('replaces', choice.replaces ?? scopeOf(file, format))
  }
  const path = `${format === 'ported' ? '/v1/ported-numbers' : '/v1/networks'}?${query}`
  const report = await uploadToApi<Report>(
    command,
    path,
    new Blob([new Uint8Array(body)]),
    'text/plain; charset=utf-8',
  )
  for (const { detail } of report.errors ?? []) complain(detail)
  if (isProblem(command, report)) return false
  for (const { line, detail } of report.mistakes) complain(`line ${line}: ${detail}`)
  if (report.mistake_count > 0) {
    complain(`${report.mistake_count} mistakes: it would be refused`)
    return false
  }
  sayChanges(command, report)
  say(`${report.rows} rows ${preview ? 'would be' : 'were'} taken in`)
  return true
}

const SOURCES: Readonly<Record<string, string>> = {
  ported: 'the table of ported numbers',
  lookup: 'the look-up',
  range: 'its range',
}

function sayTables({ say }: NumberCommand, tables: ShownTables): boolean {
  const { ranges, names, ported, versions } = tables
  say(`${ranges} ranges, ${names} names of networks, ${ported} ported numbers`)
  for (const { id, kind, created_at: at, rows, source, is_current: isCurrent } of versions) {
    const columns = [
      id,
      at,
      kind.padEnd(9),
      String(rows).padStart(8),
      isCurrent ? '*' : ' ',
      source,
    ]
    say(columns.join('  '))
  }
  return true
}

function sayChanges({ say }: NumberCommand, { changes, removed }: Report): void {
  if (removed) say(`${removed} numbers that are not in the file go`)
  if (!changes) return
  for (const { prefix, before, after } of changes.examples) {
    say(`  ${prefix.padEnd(15)}  ${networkText(before)} -> ${networkText(after)}`)
  }
  const { added, changed, removed: gone, unchanged } = changes
  say(`${added} new, ${changed} changed, ${gone} gone, ${unchanged} as before`)
}

function networkText(network: ShownNetwork | null): string {
  return network ? `${network.mccmnc} ${network.name}` : '-'
}

async function contentOf(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (cause) {
    throw new GatewayError('file_unreadable', `cannot read ${file}: ${messageOf(cause)}`, { cause })
  }
}

function formatOf(file: string): string {
  if (file.endsWith('.json')) return 'mcc-mnc-list'
  return file.endsWith('.txt') ? 'libphonenumber' : 'csv'
}

/** Google's files are named after the calling code that they are about. */
function scopeOf(file: string, format: string): string {
  const named = /^(\d{1,15})\.txt$/.exec(basename(file))?.[1]
  return format === 'libphonenumber' && named !== undefined ? named : ''
}

function isProblem({ complain }: NumberCommand, answer: ApiProblem): boolean {
  if (answer.code === undefined) return false
  complain(`refused (${answer.code}): ${answer.detail}`)
  return true
}
