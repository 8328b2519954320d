import { parseArgs } from 'node:util'
import { listBinds, writeCapture } from '../capture.ts'
import { ACCESS_OPTIONS, asOperator } from './access.ts'
import { type Command, UsageError } from './command.ts'
import { write } from './terminal.ts'

/** Shows every connection. */
export const binds: Command = {
  usage: `\
  linehaul binds                    every connection of carriers and partners with its id`,

  async run(args) {
    const { values } = parseArgs({ args, options: ACCESS_OPTIONS })
    return listBinds(asOperator('binds', values))
  },
}

/** Writes what went over a connection. */
export const pcap: Command = {
  usage: `\
  linehaul pcap BIND-ID [--texts] > FILE.pcap
                                    the latest PDUs of a connection, for Wireshark; with --texts unmasked
                                    both take an operator's key: [--key KEY] [--url URL]`,

  async run(args) {
    const options = { ...ACCESS_OPTIONS, texts: { type: 'boolean' } } as const
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
    const [id, ...others] = positionals
    if (id === undefined || others.length > 0) {
      throw new UsageError('pcap needs one BIND-ID: linehaul binds shows them')
    }
    if (process.stdout.isTTY) throw new UsageError('pcap writes octets: send them to a file with >')
    return writeCapture({ ...asOperator('pcap', values), write }, id, values.texts ?? false)
  },
}
