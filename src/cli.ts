import { UsageError } from './cli/command.ts'
import { COMMANDS, HELP } from './cli/commands.ts'
import { complain, say } from './cli/terminal.ts'
import { GatewayError, messageOf } from './core/errors.ts'
import { SmppError } from './smpp/errors.ts'
import { VERSION } from './version.ts'

const EXIT_NOT_DONE = 1
const EXIT_USAGE = 2

async function run([name = 'help', ...args]: string[]): Promise<void> {
  if (['help', '--help', '-h'].includes(name)) return say(HELP)
  if (['version', '--version', '-v'].includes(name)) return say(VERSION)
  const command = COMMANDS.get(name)
  if (!command) throw new UsageError(`there is no command "${name}"`)
  if (!(await command.run(args))) process.exitCode = EXIT_NOT_DONE
}

function isUsageError(error: unknown): boolean {
  if (error instanceof UsageError) return true
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return code.startsWith('ERR_PARSE_ARGS')
}

try {
  await run(process.argv.slice(2))
} catch (error) {
  if (isUsageError(error)) {
    complain(`${messageOf(error)}\n\n${HELP}`)
    process.exit(EXIT_USAGE)
  }
  // An error raised on purpose says all there is to say; anything else is ours to find.
  const isOurs = error instanceof GatewayError || error instanceof SmppError
  complain(isOurs || !(error instanceof Error) ? messageOf(error) : (error.stack ?? error.message))
  process.exit(EXIT_NOT_DONE)
}
