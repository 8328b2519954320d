import { parseArgs } from 'node:util'
import { RECONCILE_FORMATS, type ReconcileChoice, reconcileFile } from '../reconcile-command.ts'
import { ACCESS_OPTIONS, asOperator, readConfig } from './access.ts'
import { type Command, UsageError } from './command.ts'
import { complain, say } from './terminal.ts'

/** Proves the ledger from the database. */
export const ledger: Command = {
  usage: `\
  linehaul ledger check             prove from the database that no line of the ledger was changed, that the accounts
                                    are the sums of their lines, and every message is charged as its state says`,

  async run(args) {
    const { positionals } = parseArgs({ args, allowPositionals: true })
    if (positionals.join(' ') !== 'check') throw new UsageError('say "linehaul ledger check"')
    const { proveLedger } = await import('../ledger-commands.ts')
    return proveLedger({ say, complain }, readConfig())
  },
}

/** Compares a carrier's bill with what was submitted to it. */
export const reconcile: Command = {
  usage: `\
  linehaul reconcile --carrier NAME --file FILE.csv --month 2026-10 | --from TIME --before TIME
                                    compare a carrier's file of what it has taken with what was submitted to it:
                                    [--columns id=message_id,amount=charge] [--currency EUR] [--examples N]
                                    [--format text|json|csv], and an operator's key: [--key KEY] [--url URL]`,

  async run(args) {
    const options = {
      ...ACCESS_OPTIONS,
      carrier: { type: 'string' },
      file: { type: 'string' },
      month: { type: 'string' },
      from: { type: 'string' },
      before: { type: 'string' },
      columns: { type: 'string' },
      currency: { type: 'string' },
      examples: { type: 'string' },
      format: { type: 'string', default: 'text' },
    } as const
    const { values } = parseArgs({ args, options })
    const { carrier, file, key: _key, url: _url, ...choice } = values
    if (carrier === undefined || file === undefined) {
      throw new UsageError('reconcile needs --carrier and --file')
    }
    const format = RECONCILE_FORMATS.find((each) => each === choice.format)
    if (!format) throw new UsageError(`--format is one of ${RECONCILE_FORMATS.join(', ')}`)
    const wish: ReconcileChoice = { ...choice, carrier, file, format }
    return reconcileFile(asOperator('reconcile', values), wish)
  },
}

/** Writes what tenants are invoiced. */
export const invoices: Command = {
  usage: `\
  linehaul invoices [--month 2026-10] [--tenant NAME] [--format csv|json]
                                    what tenants are invoiced for a month, by default the last one, from the database`,

  async run(args) {
    const options = {
      month: { type: 'string' },
      tenant: { type: 'string' },
      format: { type: 'string', default: 'csv' },
    } as const
    const { values } = parseArgs({ args, options })
    const { month, tenant, format } = values
    if (format !== 'csv' && format !== 'json') {
      throw new UsageError(`there is no format "${format}": csv or json`)
    }
    const { writeInvoices } = await import('../invoice-commands.ts')
    await writeInvoices({ month, tenant, isCsv: format === 'csv', say }, readConfig())
    return true
  },
}
