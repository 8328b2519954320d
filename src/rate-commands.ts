import { openAsBlob } from 'node:fs'
import {
  type ApiAccess,
  type ApiProblem,
  callApi,
  downloadFromApi,
  uploadToApi,
} from './api-call.ts'
import { GatewayError, messageOf } from './core/errors.ts'

/** How a command speaks to the gateway and to its caller. */
export interface RateCommand extends ApiAccess {
  /** Answers go out as JSON, one document. */
  readonly isJson: boolean
  readonly say: (line: string) => void
  readonly complain: (line: string) => void
}

/** Whose deck is meant. */
export interface DeckTarget {
  readonly kind: string
  readonly owner: string
}

interface ShownDeck {
  readonly kind: string
  readonly owner: string
  readonly version: number
  readonly rows: number
  readonly imported_at: string | null
  readonly note: string
  readonly is_current: boolean
}

interface ShownMistake {
  readonly line: number
  readonly column: string | null
  readonly value: string | null
  readonly message: string
}

interface ShownReading {
  readonly rows: number
  readonly mistake_count: number
  readonly mistakes: readonly ShownMistake[]
  readonly ignored_columns: readonly string[]
}

interface ShownMoney {
  readonly amount: string
  readonly currency: string
}

interface ShownPlace {
  readonly prefix: string | null
  readonly network: string | null
  readonly effective_from: string | null
}

interface ShownRates {
  readonly count: number
  readonly listed: readonly (ShownPlace & { readonly price: ShownMoney })[]
}

interface ShownChanges {
  readonly count: number
  readonly average_percent?: number | null
  readonly listed: readonly (ShownPlace & {
    readonly from: ShownMoney
    readonly to: ShownMoney
    readonly percent: number | null
  })[]
}

interface ShownPreview extends ShownReading {
  readonly compared_with: number | null
  readonly old_rates: number
  readonly new_rates: number
  readonly unchanged: number
  readonly added: ShownRates
  readonly removed: ShownRates
  readonly raised: ShownChanges
  readonly lowered: ShownChanges
  readonly currency_changed: ShownChanges
}

/** Lines of each kind that a person is shown; `--json` has all that the gateway tells. */
const MAX_SHOWN = 10

/** Prints the decks that count, or every version of one; false when that did not work. */
export async function listRateDecks(command: RateCommand, target?: DeckTarget): Promise<boolean> {
  const answer = await callApi<{ rate_decks?: ShownDeck[]; versions?: ShownDeck[] }>(
    command,
    'GET',
    target ? pathOf(target) : '/v1/rate-decks',
  )
  if (isProblem(command, answer)) return false
  if (isSaidAsJson(command, answer)) return true
  const decks = answer.versions ?? answer.rate_decks ?? []
  if (decks.length === 0) command.say('no rate decks')
  for (const { kind, owner, version, rows, imported_at: at, note, is_current: counts } of decks) {
    const columns = [
      kind.padEnd(7),
      owner.padEnd(16),
      `${counts ? '*' : ' '}${version}`.padStart(5),
      `${rows} rates`.padStart(15),
      (at ?? '-').padEnd(24),
    ]
    command.say(`${columns.join('  ')}  ${note}`.trimEnd())
  }
  return true
}

/** Prints what a deck would change; false when it has mistakes. */
export async function previewRateDeck(
  command: RateCommand,
  target: DeckTarget,
  file: string,
): Promise<boolean> {
  const path = `${pathOf(target)}/preview`
  const answer = await uploadToApi<ShownPreview>(command, path, await csvFile(file), 'text/csv')
  if (isProblem(command, answer)) return false
  const isRight = answer.mistake_count === 0
  if (isSaidAsJson(command, answer)) return isRight
  const { say } = command
  const base = answer.compared_with === null ? 'no deck' : `version ${answer.compared_with}`
  say(`rates            ${answer.new_rates}, compared with ${answer.old_rates} of ${base}`)
  say(`unchanged        ${answer.unchanged}`)
  sayRates(say, 'added', answer.added)
  sayRates(say, 'removed', answer.removed)
  sayChanges(say, 'raised', answer.raised)
  sayChanges(say, 'lowered', answer.lowered)
  sayChanges(say, 'currency changed', answer.currency_changed)
  sayIgnored(command, answer.ignored_columns)
  complainOfMistakes(command, answer)
  return isRight
}

/** Imports a deck; false when it was refused. */
export async function importRateDeck(
  command: RateCommand,
  target: DeckTarget,
  file: string,
  note: string | undefined,
): Promise<boolean> {
  const query = note === undefined ? '' : `?${new URLSearchParams({ note })}`
  const answer = await uploadToApi<Partial<ShownReading> & { version: number }>(
    command,
    `${pathOf(target)}${query}`,
    await csvFile(file),
    'text/csv',
  )
  if (answer.code === 'rate_deck_invalid' && command.isJson) {
    isSaidAsJson(command, answer)
    return false
  }
  if (isProblem(command, answer)) {
    if (answer.mistakes) complainOfMistakes(command, answer as ShownReading)
    return false
  }
  if (isSaidAsJson(command, answer)) return true
  command.say(`version ${answer.version} with ${answer.rows} rates counts now`)
  sayIgnored(command, answer.ignored_columns ?? [])
  return true
}

/** Writes a deck as CSV: the one that counts, or another version; false when there is none. */
export async function exportRateDeck(
  command: RateCommand & { readonly write: (octets: Buffer) => void },
  target: DeckTarget,
  version: number | undefined,
): Promise<boolean> {
  const wanted = version ?? (await currentVersion(command, target))
  if (wanted === undefined) return false
  const answer = await downloadFromApi(command, `${pathOf(target)}/${wanted}`)
  if (!Buffer.isBuffer(answer)) {
    isProblem(command, answer)
    return false
  }
  command.write(answer)
  return true
}

/** Lets an earlier version count again; false when that did not work. */
export async function rollBackRateDeck(
  command: RateCommand,
  target: DeckTarget,
  version: number,
  note: string | undefined,
): Promise<boolean> {
  const answer = await callApi<{ version: number }>(command, 'POST', `${pathOf(target)}/rollback`, {
    version,
    ...(note === undefined ? {} : { note }),
  })
  if (isProblem(command, answer)) return false
  if (isSaidAsJson(command, answer)) return true
  command.say(`version ${answer.version} counts now, with the rates of version ${version}`)
  return true
}

async function currentVersion(
  command: RateCommand,
  target: DeckTarget,
): Promise<number | undefined> {
  const answer = await callApi<{ versions: ShownDeck[] }>(command, 'GET', pathOf(target))
  if (isProblem(command, answer)) return undefined
  const current = answer.versions.find((each) => each.is_current)
  if (!current) command.complain(`${target.kind} ${target.owner} has no rate deck`)
  return current?.version
}

function pathOf({ kind, owner }: DeckTarget): string {
  return `/v1/rate-decks/${encodeURIComponent(kind)}/${encodeURIComponent(owner)}`
}

async function csvFile(file: string): Promise<Blob> {
  try {
    return await openAsBlob(file)
  } catch (cause) {
    throw new GatewayError('file_unreadable', `cannot read ${file}: ${messageOf(cause)}`, { cause })
  }
}

function sayRates(say: RateCommand['say'], what: string, { count, listed }: ShownRates): void {
  say(`${what.padEnd(16)} ${count}`)
  for (const rate of listed.slice(0, MAX_SHOWN)) say(`  ${placeOf(rate)}  ${text(rate.price)}`)
  sayMore(say, count)
}

function sayChanges(say: RateCommand['say'], what: string, changes: ShownChanges): void {
  const { count, listed, average_percent: average } = changes
  const mean = average === null || average === undefined ? '' : `, ${signed(average)} on average`
  say(`${what.padEnd(16)} ${count}${mean}`)
  for (const change of listed.slice(0, MAX_SHOWN)) {
    const percent = change.percent === null ? '' : `  ${signed(change.percent)}`
    say(`  ${placeOf(change)}  ${text(change.from)} -> ${text(change.to)}${percent}`)
  }
  sayMore(say, count)
}

function sayMore(say: RateCommand['say'], count: number): void {
  if (count > MAX_SHOWN) say(`  and ${count - MAX_SHOWN} more`)
}

function sayIgnored({ say }: RateCommand, columns: readonly string[]): void {
  if (columns.length > 0) say(`columns without a meaning here: ${columns.join(', ')}`)
}

function complainOfMistakes({ complain }: RateCommand, reading: ShownReading): void {
  for (const { line, column, value, message } of reading.mistakes) {
    const cell = [column, value === null ? null : JSON.stringify(value)].filter(Boolean)
    complain(`line ${line}: ${[...cell, message].join(' ')}`)
  }
  const { mistake_count: count, mistakes } = reading
  if (count > mistakes.length) complain(`and ${count - mistakes.length} more mistakes`)
}

function placeOf({ prefix, network, effective_from: from }: ShownPlace): string {
  const place = network === null ? prefix || '*' : `network ${network}`
  return `${place}${from === null ? '' : ` from ${from}`}`.padEnd(16)
}

function text({ amount, currency }: ShownMoney): string {
  return `${amount} ${currency}`
}

function signed(percent: number): string {
  return `${percent > 0 ? '+' : ''}${percent} %`
}

function isSaidAsJson({ isJson, say }: RateCommand, answer: object): boolean {
  if (isJson) say(JSON.stringify(answer))
  return isJson
}

function isProblem({ complain }: RateCommand, answer: ApiProblem): boolean {
  if (answer.code === undefined) return false
  complain(`refused (${answer.code}): ${answer.detail}`)
  return true
}
