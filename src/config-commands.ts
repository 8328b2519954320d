import { openAsBlob } from 'node:fs'
import { type ApiAccess, type ApiProblem, callApi, uploadToApi } from './api-call.ts'
import { yamlOf } from './config/document.ts'
import { GatewayError, messageOf } from './core/errors.ts'

/** How a command speaks to the gateway and to its caller. */
export interface ConfigCommand extends ApiAccess {
  /** Answers go out as JSON, one document. */
  readonly isJson: boolean
  readonly say: (line: string) => void
  readonly complain: (line: string) => void
}

/** What a change is made with. */
export interface ApplyOptions {
  readonly comment: string | undefined
  /** The version that the file was made from; undefined: that which holds now. */
  readonly basedOn: number | undefined
}

interface Version {
  readonly number: number
  readonly at: string
  readonly source: string
  readonly who: string | null
  readonly comment: string
  readonly rolled_back_to: number | null
}

interface Shown {
  readonly version: Version
  readonly document: object
  readonly waits_for_start?: readonly string[]
}

type Value = string | number | boolean | null

interface Change {
  readonly version: Version
  readonly change_count: number
  readonly changes: readonly {
    readonly path: string
    readonly before: Value
    readonly after: Value
  }[]
  readonly applied: readonly string[]
  readonly waits_for_start: readonly string[]
}

interface Refusal extends ApiProblem {
  readonly mistakes?: readonly { path: string; line: number | null; message: string }[]
}

const CONFIG = '/v1/config'

/** Prints the configuration that holds, or another version, as YAML; false when that did not work. */
export async function showConfig(command: ConfigCommand, number?: number): Promise<boolean> {
  const path = number === undefined ? CONFIG : `${CONFIG}/versions/${number}`
  const answer = await callApi<Shown>(command, 'GET', path)
  if (isRefused(command, answer)) return false
  if (isSaidAsJson(command, answer)) return true
  const { version, document, waits_for_start: waiting = [] } = answer
  command.say(`# ${versionLine(version)}`)
  if (waiting.length > 0) command.say(`# from the next start: ${waiting.join(', ')}`)
  command.say(yamlOf(document).trimEnd())
  return true
}

/** Prints the versions, the latest first; false when that did not work. */
export async function listVersions(command: ConfigCommand, limit: number): Promise<boolean> {
  const answer = await callApi<{ versions: Version[] }>(
    command,
    'GET',
    `${CONFIG}/versions?limit=${limit}`,
  )
  if (isRefused(command, answer)) return false
  if (isSaidAsJson(command, answer)) return true
  for (const version of answer.versions) command.say(versionLine(version))
  return true
}

/** Prints what a file would change; false when it has mistakes. */
export async function compareConfig(command: ConfigCommand, file: string): Promise<boolean> {
  const answer = await put(command, `${CONFIG}?dry_run=true`, file, '*')
  if (isRefused(command, answer)) return false
  if (isSaidAsJson(command, answer)) return true
  sayChange(command, answer)
  return true
}

/** Lets a file be the configuration; false when it was refused. */
export async function applyConfig(
  command: ConfigCommand,
  file: string,
  { comment, basedOn }: ApplyOptions,
): Promise<boolean> {
  const present = basedOn ?? (await presentNumber(command))
  if (present === undefined) return false
  const query = comment === undefined ? '' : `?${new URLSearchParams({ comment })}`
  return sayDone(command, await put(command, `${CONFIG}${query}`, file, String(present)))
}

/** Lets an earlier version count again; false when that did not work. */
export async function rollBackConfig(
  command: ConfigCommand,
  number: number,
  comment: string | undefined,
): Promise<boolean> {
  const path = `${CONFIG}/versions/${number}/rollback`
  const body = comment === undefined ? {} : { comment }
  return sayDone(command, await callApi<Change & Refusal>(command, 'POST', path, body))
}

async function presentNumber(command: ConfigCommand): Promise<number | undefined> {
  const answer = await callApi<Shown>(command, 'GET', CONFIG)
  return isRefused(command, answer) ? undefined : answer.version.number
}

async function put(command: ConfigCommand, path: string, file: string, ifMatch: string) {
  const options = { method: 'PUT', headers: { 'if-match': ifMatch } } as const
  const document = await documentIn(file)
  return uploadToApi<Change & Refusal>(command, path, document, 'application/yaml', options)
}

async function documentIn(file: string): Promise<Blob> {
  try {
    return await openAsBlob(file)
  } catch (cause) {
    throw new GatewayError('file_unreadable', `cannot read ${file}: ${messageOf(cause)}`, { cause })
  }
}

function sayDone(command: ConfigCommand, answer: Change & Refusal): boolean {
  if (isRefused(command, answer)) return false
  if (isSaidAsJson(command, answer)) return true
  command.say(`version ${answer.version.number} holds now`)
  sayChange(command, answer)
  return true
}

function sayChange({ say }: ConfigCommand, change: Change): void {
  const { change_count: count, changes, applied, waits_for_start: waiting } = change
  for (const { path, before, after } of changes) {
    say(`  ${path}: ${before === null ? '' : `${before} `}-> ${after === null ? 'gone' : after}`)
  }
  if (count > changes.length) say(`  and ${count - changes.length} more`)
  say(`at once: ${applied.join(', ') || 'nothing'}`)
  if (waiting.length > 0) say(`from the next start: ${waiting.join(', ')}`)
}

function versionLine({ number, at, source, who, comment, rolled_back_to: to }: Version): string {
  const origin = to === null ? source : `${source} to ${to}`
  const columns = [String(number).padStart(5), at, origin.padEnd(14), (who ?? '-').padEnd(12)]
  return `${columns.join('  ')}  ${comment}`.trimEnd()
}

function isSaidAsJson({ isJson, say }: ConfigCommand, answer: object): boolean {
  if (isJson) say(JSON.stringify(answer))
  return isJson
}

function isRefused({ complain }: ConfigCommand, answer: Refusal): boolean {
  if (answer.code === undefined) return false
  for (const { path, line, message } of answer.mistakes ?? []) {
    complain(`${line === null ? '' : `line ${line}: `}${path}: ${message}`)
  }
  complain(`refused (${answer.code}): ${answer.detail}`)
  return true
}
