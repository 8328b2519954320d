import { parseArgs } from 'node:util'
import { asOperator, JSON_OPTIONS } from './access.ts'
import { type Command, UsageError } from './command.ts'

/** Tries routing rules on what was sent. */
export const routes: Command = {
  usage: `\
  linehaul routes rehearse FILE [--hours N]
                                    what the "routing" of FILE would have changed in the last hours: carriers,
                                    cost, margin, expected delivery; [--json], and an operator's key`,

  async run([action, ...args]) {
    const options = { ...JSON_OPTIONS, hours: { type: 'string' } } as const
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
    const [file, ...others] = positionals
    const hours = Number(values.hours ?? '1')
    if (action !== 'rehearse' || file === undefined || others.length > 0 || !(hours > 0)) {
      throw new UsageError('routes needs: rehearse FILE [--hours N], N a number above 0')
    }
    const command = { ...asOperator('routes', values), isJson: values.json ?? false }
    const { rehearseRoutes } = await import('../route-commands.ts')
    return rehearseRoutes(command, file, hours)
  },
}
