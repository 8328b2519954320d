import { parseArgs } from 'node:util'
import {
  importFile,
  listNetworks,
  portNumber,
  restoreNetworks,
  showNumber,
} from '../number-commands.ts'
import { ACCESS_OPTIONS, asOperator } from './access.ts'
import { type Command, UsageError } from './command.ts'

/** Looks numbers up, and keeps the tables behind that. */
export const numbers: Command = {
  usage: `\
  linehaul numbers lookup NUMBER [--ask]
                                    country, type and network of a number; with --ask the look-up is asked
  linehaul numbers import FILE [--format csv|libphonenumber|mcc-mnc-list|names|ported]
                                    [--replaces PREFIX] [--replace] [--preview]
                                    take a table of networks or of ported numbers in, see docs/numbers.md
  linehaul numbers list | restore ID
                                    versions of the tables; make an earlier one count again
  linehaul numbers set NUMBER MCCMNC | remove NUMBER
                                    the network of one ported number
                                    all take an operator's key: [--key KEY] [--url URL]`,

  async run([action, ...args]) {
    const act = action === undefined ? undefined : ACTIONS[action]
    if (!act)
      throw new UsageError('numbers needs one of: lookup, import, list, restore, set, remove')
    return act(args)
  },
}

const ACTIONS: Readonly<Record<string, (args: string[]) => Promise<boolean>>> = {
  async lookup(args) {
    const options = { ...ACCESS_OPTIONS, ask: { type: 'boolean' } } as const
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
    const [number] = named(positionals, ['NUMBER'], 'lookup')
    return showNumber(asOperator('numbers', values), number ?? '', values.ask ?? false)
  },

  async import(args) {
    const options = {
      ...ACCESS_OPTIONS,
      format: { type: 'string' },
      replaces: { type: 'string' },
      replace: { type: 'boolean' },
      preview: { type: 'boolean' },
    } as const
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
    const [file] = named(positionals, ['FILE'], 'import')
    return importFile(asOperator('numbers', values), file ?? '', values)
  },

  async list(args) {
    const { values } = parseArgs({ args, options: ACCESS_OPTIONS })
    return listNetworks(asOperator('numbers', values))
  },

  async restore(args) {
    const { values, positionals } = readPlain(args)
    const [id] = named(positionals, ['ID'], 'restore')
    return restoreNetworks(asOperator('numbers', values), id ?? '')
  },

  async set(args) {
    const { values, positionals } = readPlain(args)
    const [number, mccmnc] = named(positionals, ['NUMBER', 'MCCMNC'], 'set')
    return portNumber(asOperator('numbers', values), number ?? '', mccmnc)
  },

  async remove(args) {
    const { values, positionals } = readPlain(args)
    const [number] = named(positionals, ['NUMBER'], 'remove')
    return portNumber(asOperator('numbers', values), number ?? '', undefined)
  },
}

function readPlain(args: string[]) {
  return parseArgs({ args, options: ACCESS_OPTIONS, allowPositionals: true })
}

/** What stands beside the options, when it is as much as the action wants. */
function named(found: string[], wanted: readonly string[], action: string): string[] {
  if (found.length === wanted.length) return found
  throw new UsageError(`numbers ${action} needs ${wanted.join(' and ')}`)
}
