import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { messageOf } from '../core/errors.ts'
import { SANDBOX_CARRIERS, SANDBOX_PORTS, startSandbox } from '../sandbox/carriers.ts'
import { readFaults } from '../sandbox/fault-file.ts'
import { type Command, UsageError } from './command.ts'
import { firstSignal, say } from './terminal.ts'

/** Runs the simulated carriers until a signal ends them. */
export const sandbox: Command = {
  usage: `\
  linehaul sandbox [--faults FILE]  run the simulated carriers alone, on ports ${SANDBOX_PORTS.join(', ')};
                                    FILE says what goes wrong there (docs/sandbox.md)`,

  async run(args) {
    const { values } = parseArgs({ args, options: { faults: { type: 'string' } } })
    const running = await startSandbox({
      ports: SANDBOX_PORTS,
      ...(values.faults !== undefined && { faults: scriptsIn(values.faults) }),
    })
    say('Simulated carriers, for the "carriers" of a configuration file:')
    for (const carrier of running.carriers) {
      const { name, host, port, systemId, password, rates } = carrier
      say(`  - { name: ${name}, type: smpp, host: ${host}, port: ${port}, system_id: ${systemId},`)
      say(`      password: ${password}, sessions: ${carrier.sessions}, window: ${carrier.window},`)
      const { prefix, price, currency } = rates[0] ?? { prefix: '', price: '0', currency: 'EUR' }
      say(`      rates: [{ prefix: "${prefix}", price: "${price}", currency: ${currency} }] }`)
    }
    await firstSignal()
    await running.close()
    return true
  },
}

function scriptsIn(file: string): ReturnType<typeof readFaults> {
  try {
    return readFaults(readFileSync(file, 'utf8'), SANDBOX_CARRIERS)
  } catch (error) {
    throw new UsageError(`${file}: ${messageOf(error)}`)
  }
}
