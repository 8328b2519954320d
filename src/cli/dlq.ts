import { parseArgs } from 'node:util'
import {
  type DeadLetterChoice,
  type DeadLetterCommand,
  listDeadLetters,
  replayDeadLetters,
  showDeadLetter,
} from '../dlq.ts'
import { type AccessValues, asTenant, JSON_OPTIONS } from './access.ts'
import { type Command, UsageError } from './command.ts'
import { readLimit } from './whole-numbers.ts'

/** Shows dead letters and sends them again. */
export const dlq: Command = {
  usage: `\
  linehaul dlq list [CHOICE]        messages that no carrier has taken, newest first
  linehaul dlq show ID              one of them with its timeline
  linehaul dlq replay ID... | --all [CHOICE]
                                    send them again, each as a new message
                                    CHOICE: [--reason WORD] [--error CODE] [--to NUMBER] [--carrier NAME]
                                    [--since TIME] [--limit N]; with each: [--json] [--key KEY] [--url URL]`,

  async run([action, ...args]) {
    const act = action === undefined ? undefined : ACTIONS[action]
    if (!act) throw new UsageError('dlq needs one of: list, show ID, replay ID...')
    return act(args)
  },
}

const CHOICE_OPTIONS = {
  reason: { type: 'string' },
  error: { type: 'string' },
  to: { type: 'string' },
  carrier: { type: 'string' },
  since: { type: 'string' },
  limit: { type: 'string' },
} as const

const ACTIONS: Readonly<Record<string, (args: string[]) => Promise<boolean>>> = {
  async list(args) {
    const { values } = parseArgs({ args, options: { ...JSON_OPTIONS, ...CHOICE_OPTIONS } })
    const limit = readLimit(values.limit, 50)
    return listDeadLetters(commandOf(values), readChoice(values), limit)
  },

  async show(args) {
    const { values, positionals } = parseArgs({
      args,
      options: JSON_OPTIONS,
      allowPositionals: true,
    })
    const [id, ...others] = positionals
    if (id === undefined || others.length > 0) throw new UsageError('dlq show needs one ID')
    return showDeadLetter(commandOf(values), id)
  },

  async replay(args) {
    const options = { ...JSON_OPTIONS, ...CHOICE_OPTIONS, all: { type: 'boolean' } } as const
    const { values, positionals: ids } = parseArgs({ args, options, allowPositionals: true })
    const { all = false, key: _key, url: _url, json: _json, ...choice } = values
    if (all === ids.length > 0) throw new UsageError('dlq replay needs either IDs or --all')
    if (!all && Object.keys(choice).length > 0) {
      throw new UsageError('with IDs, dlq replay takes no other choice')
    }
    const limit = readLimit(values.limit, Number.MAX_SAFE_INTEGER)
    return replayDeadLetters(commandOf(values), all ? { all: readChoice(values), limit } : { ids })
  },
}

function commandOf(
  values: AccessValues & { readonly json?: boolean | undefined },
): DeadLetterCommand {
  return { ...asTenant('dlq', values), isJson: values.json ?? false }
}

function readChoice({ reason, error, to, carrier, since }: DeadLetterChoice): DeadLetterChoice {
  if (since === undefined) return { reason, error, to, carrier }
  const at = new Date(since)
  if (Number.isNaN(at.getTime())) {
    throw new UsageError(`--since "${since}" is no time: write it as 2026-01-31T12:00:00Z`)
  }
  return { reason, error, to, carrier, since: at.toISOString() }
}
