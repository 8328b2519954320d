import { parseArgs } from 'node:util'
import { sendAndFollow } from '../send.ts'
import { ACCESS_OPTIONS, asTenant } from './access.ts'
import { type Command, UsageError } from './command.ts'

/** Sends one message and follows it. */
export const send: Command = {
  usage: `\
  linehaul send --to NUMBER --from SENDER --text TEXT [--key KEY] [--url URL] [--dry-run]
                                    send one message through a running gateway and follow it`,

  async run(args) {
    const options = {
      ...ACCESS_OPTIONS,
      to: { type: 'string' },
      from: { type: 'string' },
      text: { type: 'string' },
      'dry-run': { type: 'boolean' },
    } as const
    const { values } = parseArgs({ args, options })
    const { to, from, text } = values
    if (to === undefined || from === undefined || text === undefined) {
      throw new UsageError('send needs --to, --from and --text')
    }
    const body = { to, from, text, dry_run: values['dry-run'] ?? false }
    return sendAndFollow({ ...asTenant('send', values), body })
  },
}
