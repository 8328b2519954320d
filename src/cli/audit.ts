import { parseArgs } from 'node:util'
import { asOperator, JSON_OPTIONS, readConfig } from './access.ts'
import { type Command, UsageError } from './command.ts'
import { complain, say } from './terminal.ts'
import { readLimit } from './whole-numbers.ts'

/** Shows the audit log, and proves it. */
export const audit: Command = {
  usage: `\
  linehaul audit list [--actor NAME] [--action NAME] [--subject ID] [--tenant NAME] [--outcome WORD]
                                    [--from TIME] [--before TIME] [--limit N] [--json] [--key KEY] [--url URL]
                                    who has changed and used what, newest first
  linehaul audit verify [--head HASH]
                                    prove from the database that no entry of the audit log was changed, removed, added
                                    or moved; with the hash of an earlier run also that its end was not cut off`,

  async run([action, ...args]) {
    const { AUDIT_CHOICE, listAudit, proveAudit } = await import('../audit-commands.ts')
    if (action === 'verify') {
      const { values } = parseArgs({ args, options: { head: { type: 'string' } } })
      return proveAudit({ say, complain }, readConfig(), values.head)
    }
    if (action !== 'list') throw new UsageError('audit needs one of: list, verify [--head HASH]')
    const options = { ...JSON_OPTIONS, ...AUDIT_CHOICE, limit: { type: 'string' } } as const
    const { values } = parseArgs({ args, options })
    const { key: _key, url: _url, json: isJson = false, limit, ...choice } = values
    const command = { ...asOperator('audit', values), isJson }
    return listAudit(command, choice, readLimit(limit, 50))
  },
}
