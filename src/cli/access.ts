import type { ApiAccess } from '../api-call.ts'
import { environment } from '../config/environment.ts'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { UsageError } from './command.ts'
import { complain, say } from './terminal.ts'

/** Options by which a command finds a running gateway. */
export const ACCESS_OPTIONS = { key: { type: 'string' }, url: { type: 'string' } } as const

/** {@link ACCESS_OPTIONS}, and answers as JSON for who wants them so. */
export const JSON_OPTIONS = { ...ACCESS_OPTIONS, json: { type: 'boolean' } } as const

/** What {@link ACCESS_OPTIONS} give. */
export interface AccessValues {
  readonly key?: string | undefined
  readonly url?: string | undefined
}

/** How a command speaks to a running gateway and to its caller. */
export interface ApiCommand extends ApiAccess {
  readonly say: (line: string) => void
  readonly complain: (line: string) => void
}

/** The configuration, as far as it can be judged without the database: it may name tenants of the API. */
export function readConfig(): Config {
  return loadConfig({ env: environment, cwd: process.cwd() }, 'unknown')
}

/**
 * The gateway of the configuration and the key of its first tenant, unless told otherwise.
 *
 * @param command - the word after `linehaul`, for the error
 * @throws {UsageError} when there is no key
 */
export function asTenant(command: string, values: AccessValues): ApiCommand {
  const config = readConfig()
  const key = values.key ?? environment.LINEHAUL_API_KEY ?? config.tenants[0]?.apiKeys[0]
  if (key === undefined) throw new UsageError(`${command} needs --key KEY or LINEHAUL_API_KEY`)
  return { url: values.url ?? `http://127.0.0.1:${config.http.port}`, key, say, complain }
}

/** As {@link asTenant}, with the first key of the operator; the sandbox has only its demo key. */
export function asOperator(command: string, values: AccessValues): ApiCommand {
  const key = values.key ?? readConfig().adminKeys[0]
  return asTenant(command, { ...values, key })
}
