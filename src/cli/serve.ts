import { parseArgs } from 'node:util'
import { configDocuments } from '../config/documents.ts'
import { environment } from '../config/environment.ts'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import type { Gateway } from '../main.ts'
import { VERSION } from '../version.ts'
import type { Command } from './command.ts'
import { firstSignal, onSignal, say } from './terminal.ts'

/** Runs the gateway until a signal ends it. */
export const serve: Command = {
  usage: `\
  linehaul serve [--new-demo-key] [--config-from-file]
                                    run the gateway; without a configuration, against simulated carriers; with
                                    --config-from-file the file holds, whatever was changed after it`,

  /** The gateway itself is loaded where it runs only: that takes three times as long as the rest of a command. */
  async run(args) {
    const { values } = parseArgs({
      args,
      options: { 'new-demo-key': { type: 'boolean' }, 'config-from-file': { type: 'boolean' } },
    })
    const source = { env: environment, cwd: process.cwd() }
    const config = loadConfig(source, 'unknown')
    const { createLogger } = await import('../telemetry/log.ts')
    const { startGateway } = await import('../main.ts')
    const logger = createLogger(config.logLevel)
    const startedAt = performance.now()
    const gateway = await startGateway(config, {
      logger,
      documents: configDocuments(source),
      isConfigFromFile: values['config-from-file'] ?? false,
      replaceDemoKey: values['new-demo-key'] ?? false,
      setLogLevel: logger.setLevel,
    })
    process.on('SIGHUP', () => void gateway.reload())
    announce(gateway.config, gateway, performance.now() - startedAt)
    const signal = await firstSignal()
    say(`${signal}: finishing what is at the carriers (a second signal stops at once)`)
    onSignal(() => process.exit(130))
    await gateway.close()
    say('stopped')
    return true
  },
}

function announce(config: Config, gateway: Gateway, tookMs: number): void {
  const host = config.http.host === '0.0.0.0' ? '127.0.0.1' : config.http.host
  const url = `http://${host}:${gateway.httpPort}`
  say(`Linehaul ${VERSION} is ready after ${(tookMs / 1_000).toFixed(1)} s`)
  say(`  HTTP API   ${url}   (reference: ${url}/docs)`)
  if (gateway.smppPort > 0) say(`  SMPP       ${host}:${gateway.smppPort}`)
  if (gateway.smppTlsPort > 0) say(`  SMPP, TLS  ${host}:${gateway.smppTlsPort}`)
  say(`  Data       ${config.databaseUrl === undefined ? config.dataDir : 'PostgreSQL'}`)
  if (config.file) say(`  Config     ${config.file}`)
  if (!config.sandbox) return
  const key = gateway.newDemoKey ?? '$LINEHAUL_API_KEY'
  say('')
  say('No configuration: simulated carriers answer, nothing leaves this machine.')
  if (gateway.newDemoKey) {
    say(`The demo tenant's API key, shown this once: ${gateway.newDemoKey}`)
  } else {
    say(
      "The demo tenant's API key was shown at the first start; for another: npm start -- --new-demo-key",
    )
  }
  say('')
  say('Send a message:')
  say(
    `  curl -s ${url}/v1/messages -H "Authorization: Bearer ${key}" -H "Content-Type: application/json" -d '{"to":"+447700900123","from":"Linehaul","text":"Hello from Linehaul"}'`,
  )
  say('Follow it (put the id of the answer at the end):')
  say(`  curl -s -H "Authorization: Bearer ${key}" ${url}/v1/messages/ID`)
  if (gateway.demoPartner) {
    const { systemId, password } = gateway.demoPartner
    say('Or bind with any SMPP client (the password is new at every start):')
    say(
      `  bind_transceiver to ${host}:${gateway.smppPort} with system_id ${systemId}, password ${password}`,
    )
    say('')
  }
}
