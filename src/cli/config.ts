import { parseArgs } from 'node:util'
import { environment } from '../config/environment.ts'
import { loadConfig } from '../config/load.ts'
import {
  applyConfig,
  type ConfigCommand,
  compareConfig,
  listVersions,
  rollBackConfig,
  showConfig,
} from '../config-commands.ts'
import { asOperator, JSON_OPTIONS } from './access.ts'
import { type Command, UsageError } from './command.ts'
import { say } from './terminal.ts'
import { readLimit, readVersion } from './whole-numbers.ts'

/** Reads a configuration where no gateway runs. */
export const checkConfig: Command = {
  usage: `\
  linehaul check-config [FILE]      read the configuration and say what is wrong with it`,

  async run(args) {
    const { positionals } = parseArgs({ args, allowPositionals: true })
    const [file] = positionals
    const config = loadConfig({ env: environment, cwd: process.cwd(), ...(file ? { file } : {}) })
    if (config.sandbox) {
      say('no configuration file: the gateway would run against its simulated carriers')
      return true
    }
    const { tenants, carriers, partners } = config
    say(
      `${config.file}: ${tenants.length} tenants, ${carriers.length} carriers, ${partners.length} partners, no mistakes`,
    )
    return true
  },
}

/** Shows and changes the configuration of a running gateway. */
export const config: Command = {
  usage: `\
  linehaul config show [N] | versions [--limit N]
                                    the configuration that holds, or version N, secrets masked | all versions
  linehaul config diff FILE         what FILE would change, and what is wrong with it
  linehaul config apply FILE [--version N] [--comment TEXT]
                                    let it count; with --version only in the place of version N
  linehaul config rollback N [--comment TEXT]
                                    let version N count again
                                    all take an operator's key: [--json] [--key KEY] [--url URL]`,

  async run([action = '', ...args]) {
    const options = {
      ...JSON_OPTIONS,
      comment: { type: 'string' },
      version: { type: 'string' },
      limit: { type: 'string' },
    } as const
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
    const [what, ...others] = positionals
    const act = actionOf(action, what, values)
    if (!act || others.length > 0) {
      throw new UsageError(
        'config needs one of: show [N], versions, diff FILE, apply FILE, rollback N',
      )
    }
    return act({ ...asOperator('config', values), isJson: values.json ?? false })
  },
}

function actionOf(
  action: string,
  what: string | undefined,
  values: Readonly<Partial<Record<'comment' | 'version' | 'limit', string | undefined>>>,
): ((command: ConfigCommand) => Promise<boolean>) | undefined {
  const { comment, version, limit } = values
  if (action === 'show') {
    return (command) => showConfig(command, what === undefined ? undefined : readVersion(what))
  }
  if (action === 'versions' && what === undefined) {
    return (command) => listVersions(command, readLimit(limit, 50))
  }
  if (what === undefined) return undefined
  if (action === 'diff') return (command) => compareConfig(command, what)
  if (action === 'rollback') return (command) => rollBackConfig(command, readVersion(what), comment)
  if (action !== 'apply') return undefined
  const basedOn = version === undefined ? undefined : readVersion(version)
  return (command) => applyConfig(command, what, { comment, basedOn })
}
