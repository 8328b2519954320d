import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { ApiAccess } from './api-call.ts'
import { listBinds, writeCapture } from './capture.ts'
import {
  CARRIER_ORDERS,
  type CarrierCommand,
  listCarriers,
  orderCarrier,
  showHistory,
  showQuality,
} from './carrier-orders.ts'
import { configDocuments } from './config/documents.ts'
import { environment } from './config/environment.ts'
import { loadConfig } from './config/load.ts'
import type { Config } from './config/schema.ts'
import {
  applyConfig,
  type ConfigCommand,
  compareConfig,
  listVersions,
  rollBackConfig,
  showConfig,
} from './config-commands.ts'
import { GatewayError, messageOf } from './core/errors.ts'
import {
  type DeadLetterChoice,
  type DeadLetterCommand,
  listDeadLetters,
  replayDeadLetters,
  showDeadLetter,
} from './dlq.ts'
import { hashPasswordOfInput } from './hash-password.ts'
import {
  createKey,
  type KeyCommand,
  type KeyWish,
  listKeys,
  revokeKey,
  rotateKey,
} from './key-commands.ts'
import type { Gateway } from './main.ts'
import {
  importFile,
  listNetworks,
  portNumber,
  restoreNetworks,
  showNumber,
} from './number-commands.ts'
import {
  type DeckTarget,
  exportRateDeck,
  importRateDeck,
  listRateDecks,
  previewRateDeck,
  type RateCommand,
  rollBackRateDeck,
} from './rate-commands.ts'
import { RECONCILE_FORMATS, type ReconcileChoice, reconcileFile } from './reconcile-command.ts'
import { SANDBOX_CARRIERS, SANDBOX_PORTS, startSandbox } from './sandbox/carriers.ts'
import { readFaults } from './sandbox/fault-file.ts'
import { sendAndFollow } from './send.ts'
import { SmppError } from './smpp/errors.ts'
import { VERSION } from './version.ts'

const HELP = `linehaul ${VERSION}: SMPP/HTTP carrier connector gateway for SMS

  linehaul serve [--new-demo-key] [--config-from-file]
                                    run the gateway; without a configuration, against simulated carriers; with
                                    --config-from-file the file holds, whatever was changed after it
  linehaul check-config [FILE]      read the configuration and say what is wrong with it
  linehaul migrate                  bring the database schema up to date
  linehaul rotate-encryption        seal everything stored with the active key, while the gateway is stopped
  linehaul ledger check             prove from the database that no line of the ledger was changed, that the accounts
                                    are the sums of their lines, and every message is charged as its state says
  linehaul reconcile --carrier NAME --file FILE.csv --month 2026-10 | --from TIME --before TIME
                                    compare a carrier's file of what it has taken with what was submitted to it:
                                    [--columns id=message_id,amount=charge] [--currency EUR] [--examples N]
                                    [--format text|json|csv], and an operator's key: [--key KEY] [--url URL]
  linehaul invoices [--month 2026-10] [--tenant NAME] [--format csv|json]
                                    what tenants are invoiced for a month, by default the last one, from the database
  linehaul audit list [--actor NAME] [--action NAME] [--subject ID] [--tenant NAME] [--outcome WORD]
                                    [--from TIME] [--before TIME] [--limit N] [--json] [--key KEY] [--url URL]
                                    who has changed and used what, newest first
  linehaul audit verify [--head HASH]
                                    prove from the database that no entry of the audit log was changed, removed, added
                                    or moved; with the hash of an earlier run also that its end was not cut off
  linehaul send --to NUMBER --from SENDER --text TEXT [--key KEY] [--url URL] [--dry-run]
                                    send one message through a running gateway and follow it
  linehaul dlq list [CHOICE]        messages that no carrier has taken, newest first
  linehaul dlq show ID              one of them with its timeline
  linehaul dlq replay ID... | --all [CHOICE]
                                    send them again, each as a new message
                                    CHOICE: [--reason WORD] [--error CODE] [--to NUMBER] [--carrier NAME]
                                    [--since TIME] [--limit N]; with each: [--json] [--key KEY] [--url URL]
  linehaul carriers list            every carrier, what it takes and why, and how well it does
  linehaul carriers show NAME | quality NAME | history NAME [--limit N]
                                    one of them; by country, network and class; what has changed
  linehaul carriers drain NAME | disable NAME | enable NAME | force NAME --reason TEXT
                                    nothing new | nothing at all | as usual | whatever its circuit breaker says
                                    all take an operator's key: [--json] [--key KEY] [--url URL]
  linehaul config show [N] | versions [--limit N]
                                    the configuration that holds, or version N, secrets masked | all versions
  linehaul config diff FILE         what FILE would change, and what is wrong with it
  linehaul config apply FILE [--version N] [--comment TEXT]
                                    let it count; with --version only in the place of version N
  linehaul config rollback N [--comment TEXT]
                                    let version N count again
                                    all take an operator's key: [--json] [--key KEY] [--url URL]
  linehaul rates list [DECK]        the rate decks that count, or every version of one
  linehaul rates preview DECK FILE  what a deck in CSV would change, and every row that is wrong
  linehaul rates import DECK FILE [--note TEXT]
                                    let it count; with a mistake in any row, the old one stays
  linehaul rates export DECK [--version N] > FILE
  linehaul rates rollback DECK N [--note TEXT]
                                    let version N count again
                                    DECK: carrier NAME, or tenant NAME; with each: [--json], and an
                                    operator's key: [--key KEY] [--url URL]
  linehaul numbers lookup NUMBER [--ask]
                                    country, type and network of a number; with --ask the look-up is asked
  linehaul numbers import FILE [--format csv|libphonenumber|mcc-mnc-list|names|ported]
                                    [--replaces PREFIX] [--replace] [--preview]
                                    take a table of networks or of ported numbers in, see docs/numbers.md
  linehaul numbers list | restore ID
                                    versions of the tables; make an earlier one count again
  linehaul numbers set NUMBER MCCMNC | remove NUMBER
                                    the network of one ported number
                                    all take an operator's key: [--key KEY] [--url URL]
  linehaul keys list [--tenant NAME]
                                    every API key, how it stands and when it was last used
  linehaul keys create NAME --scopes SCOPE,... [--tenant NAME] [--expires TIME] [--from NETWORK,...]
                                    [--signing full|short]
                                    make one; it is shown this once (docs/api-keys.md)
  linehaul keys rotate ID [--overlap HOURS] | revoke ID
                                    replace one, the old one good for a while | end one for good
                                    all take an operator's or a tenant's key: [--key KEY] [--url URL]
  linehaul routes rehearse FILE [--hours N]
                                    what the "routing" of FILE would have changed in the last hours: carriers,
                                    cost, margin, expected delivery; [--json], and an operator's key
  linehaul users list               people who use the console, from the database
  linehaul users add EMAIL --role ROLE [--name NAME] [--tenant NAME]
                                    ROLE: owner, operator, billing, read_only; without a tenant of whoever runs the gateway
  linehaul users reset-password EMAIL | disable EMAIL
                                    all three while the gateway is stopped; a password is asked for, or made and
                                    shown with --make-password
  linehaul hash-password            read a password of a partner and print its hash for the configuration
  linehaul binds                    every connection of carriers and partners with its id
  linehaul pcap BIND-ID [--texts] > FILE.pcap
                                    the latest PDUs of a connection, for Wireshark; with --texts unmasked
                                    both take an operator's key: [--key KEY] [--url URL]
  linehaul sandbox [--faults FILE]  run the simulated carriers alone, on ports ${SANDBOX_PORTS.join(', ')};
                                    FILE says what goes wrong there (docs/sandbox.md)

Exit codes: 0 done; 1 refused, not reached, or not done for all; 2 the command is wrong.

The configuration is the YAML file in LINEHAUL_CONFIG, or linehaul.yaml in this folder. Environment
variables go over the file; see docs/configuration.md.
`

const EXIT_USAGE = 2

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

function complain(text: string): void {
  process.stderr.write(`${text}\n`)
}

class UsageError extends Error {}

/** The configuration, as far as it can be judged without the database: it may name tenants of the API. */
function readConfig(): Config {
  return loadConfig({ env: environment, cwd: process.cwd() }, 'unknown')
}

/** The gateway itself is loaded where it runs only: that takes three times as long as the rest of a command. */
async function serve(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { 'new-demo-key': { type: 'boolean' }, 'config-from-file': { type: 'boolean' } },
  })
  const source = { env: environment, cwd: process.cwd() }
  const config = loadConfig(source, 'unknown')
  const { createLogger } = await import('./telemetry/log.ts')
  const { startGateway } = await import('./main.ts')
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

async function checkConfig(args: string[]): Promise<void> {
  const { positionals } = parseArgs({ args, allowPositionals: true })
  const [file] = positionals
  const config = loadConfig({ env: environment, cwd: process.cwd(), ...(file ? { file } : {}) })
  if (config.sandbox) {
    say('no configuration file: the gateway would run against its simulated carriers')
    return
  }
  const { tenants, carriers, partners } = config
  say(
    `${config.file}: ${tenants.length} tenants, ${carriers.length} carriers, ${partners.length} partners, no mistakes`,
  )
}

async function migrate(): Promise<void> {
  const { openStore } = await import('./store/open.ts')
  const { noteByHand } = await import('./audit-commands.ts')
  const store = await openStore(readConfig())
  await noteByHand(store, 'database.migrate', { version: VERSION })
  await store.close()
  say('the database schema is up to date')
}

async function ledger(args: string[]): Promise<void> {
  const { positionals } = parseArgs({ args, allowPositionals: true })
  if (positionals.join(' ') !== 'check') throw new UsageError('say "linehaul ledger check"')
  const { proveLedger } = await import('./ledger-commands.ts')
  const done = await proveLedger({ say, complain }, readConfig())
  if (!done) process.exitCode = 1
}

const RECONCILE_OPTIONS = {
  carrier: { type: 'string' },
  file: { type: 'string' },
  month: { type: 'string' },
  from: { type: 'string' },
  before: { type: 'string' },
  columns: { type: 'string' },
  currency: { type: 'string' },
  examples: { type: 'string' },
  format: { type: 'string', default: 'text' },
  key: { type: 'string' },
  url: { type: 'string' },
} as const

async function reconcile(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: RECONCILE_OPTIONS })
  const { carrier, file, key: _key, url: _url, ...choice } = values
  if (carrier === undefined || file === undefined) {
    throw new UsageError('reconcile needs --carrier and --file')
  }
  const format = RECONCILE_FORMATS.find((each) => each === choice.format)
  if (!format) throw new UsageError(`--format is one of ${RECONCILE_FORMATS.join(', ')}`)
  const wish: ReconcileChoice = { ...choice, carrier, file, format }
  const command = { ...operatorAccess('reconcile', values), say, complain }
  if (!(await reconcileFile(command, wish))) process.exitCode = 1
}

async function invoices(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      month: { type: 'string' },
      tenant: { type: 'string' },
      format: { type: 'string', default: 'csv' },
    },
  })
  const { month, tenant, format } = values
  if (format !== 'csv' && format !== 'json') {
    throw new UsageError(`there is no format "${format}": csv or json`)
  }
  const { writeInvoices } = await import('./invoice-commands.ts')
  await writeInvoices({ month, tenant, isCsv: format === 'csv', say }, readConfig())
}

async function audit([action, ...args]: string[]): Promise<void> {
  const { AUDIT_CHOICE, listAudit, proveAudit } = await import('./audit-commands.ts')
  if (action === 'verify') {
    const { values } = parseArgs({ args, options: { head: { type: 'string' } } })
    if (!(await proveAudit({ say, complain }, readConfig(), values.head))) process.exitCode = 1
    return
  }
  if (action !== 'list') throw new UsageError('audit needs one of: list, verify [--head HASH]')
  const options = { ...DLQ_OPTIONS, ...AUDIT_CHOICE, limit: { type: 'string' } } as const
  const { values } = parseArgs({ args, options })
  const { key: _key, url: _url, json: isJson = false, limit, ...choice } = values
  const command = { ...operatorAccess('audit', values), isJson, say, complain }
  if (!(await listAudit(command, choice, readLimit(limit, 50)))) process.exitCode = 1
}

async function rotateEncryption(): Promise<void> {
  const { createCipher } = await import('./store/cipher.ts')
  const { checkEncryptionKeys } = await import('./store/key-check.ts')
  const { openStore } = await import('./store/open.ts')
  const { reseal } = await import('./messages/resealing.ts')
  const config = readConfig()
  const { keys, active } = config.encryption
  const store = await openStore({ ...config, cipher: createCipher(keys, active) })
  try {
    await checkEncryptionKeys(store)
    const { rows, unreadable } = await reseal(store, async () => false)
    const { noteByHand } = await import('./audit-commands.ts')
    await noteByHand(store, 'encryption.rotate', { rows, unreadable })
    say(
      active === undefined
        ? `${rows} rows were written in the clear; no key is needed any more`
        : `${rows} rows were sealed with "${active}"; no other key is needed any more`,
    )
    if (unreadable > 0) complain(`${unreadable} rows are damaged: no key opens them`)
  } finally {
    await store.close()
  }
}

async function send(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      to: { type: 'string' },
      from: { type: 'string' },
      text: { type: 'string' },
      key: { type: 'string' },
      url: { type: 'string' },
      'dry-run': { type: 'boolean' },
    },
  })
  const { to, from, text } = values
  if (to === undefined || from === undefined || text === undefined) {
    throw new UsageError('send needs --to, --from and --text')
  }
  const body = { to, from, text, dry_run: values['dry-run'] ?? false }
  const access = apiAccess('send', values)
  if (!(await sendAndFollow({ ...access, body, say }))) process.exitCode = 1
}

/** The gateway of the configuration and the key of its first tenant, unless told otherwise. */
function apiAccess(
  command: string,
  values: { readonly key?: string | undefined; readonly url?: string | undefined },
): ApiAccess {
  const config = readConfig()
  const key = values.key ?? environment.LINEHAUL_API_KEY ?? config.tenants[0]?.apiKeys[0]
  if (key === undefined) throw new UsageError(`${command} needs --key KEY or LINEHAUL_API_KEY`)
  return { url: values.url ?? `http://127.0.0.1:${config.http.port}`, key }
}

const DLQ_OPTIONS = {
  key: { type: 'string' },
  url: { type: 'string' },
  json: { type: 'boolean' },
} as const

const DLQ_CHOICE = {
  reason: { type: 'string' },
  error: { type: 'string' },
  to: { type: 'string' },
  carrier: { type: 'string' },
  since: { type: 'string' },
  limit: { type: 'string' },
} as const

async function dlq([action, ...args]: string[]): Promise<void> {
  const run = action === undefined ? undefined : DLQ_ACTIONS[action]
  if (!run) throw new UsageError('dlq needs one of: list, show ID, replay ID...')
  if (!(await run(args))) process.exitCode = 1
}

const DLQ_ACTIONS: Readonly<Record<string, (args: string[]) => Promise<boolean>>> = {
  async list(args) {
    const { values } = parseArgs({ args, options: { ...DLQ_OPTIONS, ...DLQ_CHOICE } })
    const limit = readLimit(values.limit, 50)
    return listDeadLetters(dlqCommand(values), readChoice(values), limit)
  },

  async show(args) {
    const { values, positionals } = parseArgs({
      args,
      options: DLQ_OPTIONS,
      allowPositionals: true,
    })
    const [id, ...others] = positionals
    if (id === undefined || others.length > 0) throw new UsageError('dlq show needs one ID')
    return showDeadLetter(dlqCommand(values), id)
  },

  async replay(args) {
    const options = { ...DLQ_OPTIONS, ...DLQ_CHOICE, all: { type: 'boolean' } } as const
    const { values, positionals: ids } = parseArgs({ args, options, allowPositionals: true })
    const { all = false, key: _key, url: _url, json: _json, ...choice } = values
    if (all === ids.length > 0) throw new UsageError('dlq replay needs either IDs or --all')
    if (!all && Object.keys(choice).length > 0) {
      throw new UsageError('with IDs, dlq replay takes no other choice')
    }
    const limit = readLimit(values.limit, Number.MAX_SAFE_INTEGER)
    return replayDeadLetters(dlqCommand(values), all ? { all: readChoice(values), limit } : { ids })
  },
}

function dlqCommand(values: {
  readonly key?: string | undefined
  readonly url?: string | undefined
  readonly json?: boolean | undefined
}): DeadLetterCommand {
  return { ...apiAccess('dlq', values), isJson: values.json ?? false, say, complain }
}

function readChoice({ reason, error, to, carrier, since }: DeadLetterChoice): DeadLetterChoice {
  if (since === undefined) return { reason, error, to, carrier }
  const at = new Date(since)
  if (Number.isNaN(at.getTime())) {
    throw new UsageError(`--since "${since}" is no time: write it as 2026-01-31T12:00:00Z`)
  }
  return { reason, error, to, carrier, since: at.toISOString() }
}

function readLimit(text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new UsageError(`--limit "${text}" is not a whole number above 0`)
}

const OPERATOR_OPTIONS = { key: { type: 'string' }, url: { type: 'string' } } as const

/** As {@link apiAccess}, with the first key of the operator; the sandbox has only its demo key. */
function operatorAccess(
  command: string,
  values: { readonly key?: string | undefined; readonly url?: string | undefined },
): ApiAccess {
  const key = values.key ?? readConfig().adminKeys[0]
  return apiAccess(command, { ...values, key })
}

async function carriers([action, ...args]: string[]): Promise<void> {
  const options = {
    ...OPERATOR_OPTIONS,
    json: { type: 'boolean' },
    reason: { type: 'string' },
    limit: { type: 'string' },
  } as const
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
  const [name, ...others] = positionals
  const isWhole = action === 'list' ? name === undefined : name !== undefined
  const order = CARRIER_ORDERS.find((each) => each === action)
  if (!isWhole || others.length > 0 || (order !== undefined && values.reason === undefined)) {
    throw new UsageError(
      'carriers needs one of: list, show NAME, quality NAME, history NAME, ' +
        `${CARRIER_ORDERS.map((each) => `${each} NAME --reason TEXT`).join(', ')}`,
    )
  }
  const access = operatorAccess('carriers', values)
  const command = { ...access, isJson: values.json ?? false, say, complain }
  const limit = readLimit(values.limit, 50)
  if (!(await runCarriers(command, action, name ?? '', values.reason ?? '', limit))) {
    process.exitCode = 1
  }
}

function runCarriers(
  command: CarrierCommand,
  action: string | undefined,
  name: string,
  reason: string,
  limit: number,
): Promise<boolean> {
  const order = CARRIER_ORDERS.find((each) => each === action)
  if (order) return orderCarrier(command, order, name, reason)
  switch (action) {
    case 'list':
      return listCarriers(command)
    case 'show':
      return listCarriers(command, name)
    case 'quality':
      return showQuality(command, name)
    case 'history':
      return showHistory(command, name, limit)
    default:
      throw new UsageError(`there is no "carriers ${action}"`)
  }
}

async function routes([action, ...args]: string[]): Promise<void> {
  const options = {
    ...OPERATOR_OPTIONS,
    json: { type: 'boolean' },
    hours: { type: 'string' },
  } as const
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
  const [file, ...others] = positionals
  const hours = Number(values.hours ?? '1')
  if (action !== 'rehearse' || file === undefined || others.length > 0 || !(hours > 0)) {
    throw new UsageError('routes needs: rehearse FILE [--hours N], N a number above 0')
  }
  const access = operatorAccess('routes', values)
  const command = { ...access, isJson: values.json ?? false, say, complain }
  const { rehearseRoutes } = await import('./route-commands.ts')
  if (!(await rehearseRoutes(command, file, hours))) process.exitCode = 1
}

async function binds(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: OPERATOR_OPTIONS })
  const access = operatorAccess('binds', values)
  if (!(await listBinds({ ...access, say, complain }))) process.exitCode = 1
}

async function pcap(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    options: { ...OPERATOR_OPTIONS, texts: { type: 'boolean' } },
    allowPositionals: true,
  })
  const [id, ...others] = positionals
  if (id === undefined || others.length > 0) {
    throw new UsageError('pcap needs one BIND-ID: linehaul binds shows them')
  }
  if (process.stdout.isTTY) throw new UsageError('pcap writes octets: send them to a file with >')
  const access = operatorAccess('pcap', values)
  const write = (octets: Buffer) => void process.stdout.write(octets)
  if (!(await writeCapture({ ...access, say, complain, write }, id, values.texts ?? false))) {
    process.exitCode = 1
  }
}

const CONFIG_USAGE = 'config needs one of: show [N], versions, diff FILE, apply FILE, rollback N'

async function configure([action = '', ...args]: string[]): Promise<void> {
  const options = {
    ...DLQ_OPTIONS,
    comment: { type: 'string' },
    version: { type: 'string' },
    limit: { type: 'string' },
  } as const
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
  const [what, ...others] = positionals
  const run = configAction(action, what, values)
  if (!run || others.length > 0) throw new UsageError(CONFIG_USAGE)
  const access = operatorAccess('config', values)
  if (!(await run({ ...access, isJson: values.json ?? false, say, complain }))) {
    process.exitCode = 1
  }
}

function configAction(
  action: string,
  what: string | undefined,
  values: Readonly<Partial<Record<'comment' | 'version' | 'limit', string | undefined>>>,
): ((command: ConfigCommand) => Promise<boolean>) | undefined {
  const { comment, version, limit } = values
  if (action === 'show') {
    return (command) => showConfig(command, what === undefined ? undefined : readVersion(what))
  }
  if (action === 'versions' && what === undefined) {
    return (command) => listVersions(command, readLimit(limit, 50))
  }
  if (what === undefined) return undefined
  if (action === 'diff') return (command) => compareConfig(command, what)
  if (action === 'rollback') return (command) => rollBackConfig(command, readVersion(what), comment)
  if (action !== 'apply') return undefined
  const basedOn = version === undefined ? undefined : readVersion(version)
  return (command) => applyConfig(command, what, { comment, basedOn })
}

const RATE_OPTIONS = {
  ...DLQ_OPTIONS,
  note: { type: 'string' },
  version: { type: 'string' },
} as const

const RATES_USAGE =
  'rates needs one of: list [DECK], preview DECK FILE, import DECK FILE, export DECK, rollback DECK N'

async function rates([action = '', ...args]: string[]): Promise<void> {
  if (!['list', 'preview', 'import', 'export', 'rollback'].includes(action)) {
    throw new UsageError(RATES_USAGE)
  }
  const { values, positionals } = parseArgs({ args, options: RATE_OPTIONS, allowPositionals: true })
  const command: RateCommand = {
    ...operatorAccess('rates', values),
    isJson: values.json ?? false,
    say,
    complain,
  }
  const [kind, owner, what, ...others] = positionals
  const target = deckTarget(kind, owner)
  const run = ratesAction(action, command, target, what, values)
  if (!run || others.length > 0) throw new UsageError(RATES_USAGE)
  if (!(await run())) process.exitCode = 1
}

function ratesAction(
  action: string,
  command: RateCommand,
  target: DeckTarget | undefined,
  what: string | undefined,
  { note, version }: { readonly note?: string | undefined; readonly version?: string | undefined },
): (() => Promise<boolean>) | undefined {
  if (action === 'list' && what === undefined) return () => listRateDecks(command, target)
  if (!target) return undefined
  if (action === 'export' && what === undefined) {
    const write = (octets: Buffer) => void process.stdout.write(octets)
    const wanted = version === undefined ? undefined : readVersion(version)
    return () => exportRateDeck({ ...command, write }, target, wanted)
  }
  if (what === undefined) return undefined
  if (action === 'preview') return () => previewRateDeck(command, target, what)
  if (action === 'import') return () => importRateDeck(command, target, what, note)
  if (action !== 'rollback') return undefined
  const earlier = readVersion(what)
  return () => rollBackRateDeck(command, target, earlier, note)
}

function deckTarget(kind: string | undefined, owner: string | undefined): DeckTarget | undefined {
  if (kind === undefined) return undefined
  if ((kind === 'carrier' || kind === 'tenant') && owner !== undefined) return { kind, owner }
  throw new UsageError(`"${kind}" is no DECK: write carrier NAME or tenant NAME`)
}

function readVersion(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new UsageError(`"${text}" is not the number of a version`)
}

async function numbers([action, ...args]: string[]): Promise<void> {
  const run = action === undefined ? undefined : NUMBER_ACTIONS[action]
  if (!run) throw new UsageError('numbers needs one of: lookup, import, list, restore, set, remove')
  if (!(await run(args))) process.exitCode = 1
}

const NUMBER_ACTIONS: Readonly<Record<string, (args: string[]) => Promise<boolean>>> = {
  async lookup(args) {
    const options = { ...OPERATOR_OPTIONS, ask: { type: 'boolean' } } as const
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
    const [number] = named(positionals, ['NUMBER'], 'lookup')
    return showNumber(numberCommand(values), number ?? '', values.ask ?? false)
  },

  async import(args) {
    const options = {
      ...OPERATOR_OPTIONS,
      format: { type: 'string' },
      replaces: { type: 'string' },
      replace: { type: 'boolean' },
      preview: { type: 'boolean' },
    } as const
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
    const [file] = named(positionals, ['FILE'], 'import')
    return importFile(numberCommand(values), file ?? '', values)
  },

  async list(args) {
    const { values } = parseArgs({ args, options: OPERATOR_OPTIONS })
    return listNetworks(numberCommand(values))
  },

  async restore(args) {
    const { values, positionals } = parseArgs({
      args,
      options: OPERATOR_OPTIONS,
      allowPositionals: true,
    })
    const [id] = named(positionals, ['ID'], 'restore')
    return restoreNetworks(numberCommand(values), id ?? '')
  },

  async set(args) {
    const { values, positionals } = parseArgs({
      args,
      options: OPERATOR_OPTIONS,
      allowPositionals: true,
    })
    const [number, mccmnc] = named(positionals, ['NUMBER', 'MCCMNC'], 'set')
    return portNumber(numberCommand(values), number ?? '', mccmnc)
  },

  async remove(args) {
    const { values, positionals } = parseArgs({
      args,
      options: OPERATOR_OPTIONS,
      allowPositionals: true,
    })
    const [number] = named(positionals, ['NUMBER'], 'remove')
    return portNumber(numberCommand(values), number ?? '', undefined)
  },
}

/** What stands beside the options, when it is as much as the action wants. */
function named(found: string[], wanted: readonly string[], action: string): string[] {
  if (found.length === wanted.length) return found
  throw new UsageError(`numbers ${action} needs ${wanted.join(' and ')}`)
}

function numberCommand(values: {
  readonly key?: string | undefined
  readonly url?: string | undefined
}) {
  return { ...operatorAccess('numbers', values), say, complain }
}

const KEYS_USAGE = 'keys needs one of: list, create NAME --scopes SCOPE,..., rotate ID, revoke ID'

async function keys([action, ...args]: string[]): Promise<void> {
  const options = {
    ...OPERATOR_OPTIONS,
    tenant: { type: 'string' },
    scopes: { type: 'string' },
    expires: { type: 'string' },
    from: { type: 'string' },
    signing: { type: 'string' },
    overlap: { type: 'string' },
  } as const
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
  const [target, ...others] = positionals
  const command = { ...operatorAccess('keys', values), say, complain }
  const run = keysAction(action, command, target, values)
  if (!run || others.length > 0) throw new UsageError(KEYS_USAGE)
  if (!(await run())) process.exitCode = 1
}

function keysAction(
  action: string | undefined,
  command: KeyCommand,
  target: string | undefined,
  values: Omit<Partial<KeyWish>, 'name'> & { readonly overlap?: string | undefined },
): (() => Promise<boolean>) | undefined {
  const { overlap, scopes, ...wish } = values
  if (action === 'list' && target === undefined) return () => listKeys(command, wish.tenant)
  if (target === undefined) return undefined
  if (action === 'create' && scopes !== undefined) {
    return () => createKey(command, { ...wish, name: target, scopes })
  }
  if (action === 'revoke') return () => revokeKey(command, target)
  if (action !== 'rotate') return undefined
  const hours = overlap === undefined ? undefined : Number(overlap)
  if (Number.isNaN(hours)) throw new UsageError(`--overlap "${overlap}" is no number of hours`)
  return () => rotateKey(command, target, hours)
}

const USERS_USAGE =
  'users needs one of: list, add EMAIL --role ROLE [--name NAME] [--tenant NAME], reset-password EMAIL, disable EMAIL'

async function users([action, ...args]: string[]): Promise<void> {
  const options = {
    role: { type: 'string' },
    name: { type: 'string' },
    tenant: { type: 'string' },
    'make-password': { type: 'boolean' },
  } as const
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
  const { addUser, disableUser, listUsers, resetUserPassword } = await import('./user-commands.ts')
  const { readPassword } = await import('./hash-password.ts')
  const [email, ...others] = positionals
  const { role, name, tenant, 'make-password': makesPassword = false } = values
  const command = {
    store: readConfig(),
    say,
    askPassword: async () => (makesPassword ? undefined : readPassword('Password: ')),
  }
  if (others.length > 0) throw new UsageError(USERS_USAGE)
  if (action === 'list' && email === undefined) return listUsers(command)
  if (email === undefined) throw new UsageError(USERS_USAGE)
  if (action === 'reset-password') return resetUserPassword(command, email)
  if (action === 'disable') return disableUser(command, email)
  if (action !== 'add' || role === undefined) throw new UsageError(USERS_USAGE)
  return addUser(command, { email, role, name, tenant })
}

async function sandbox(args: string[]): Promise<void> {
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
}

function scriptsIn(file: string): ReturnType<typeof readFaults> {
  try {
    return readFaults(readFileSync(file, 'utf8'), SANDBOX_CARRIERS)
  } catch (error) {
    throw new UsageError(`${file}: ${messageOf(error)}`)
  }
}

/** The first signal that asks the process to end. */
function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => onSignal(resolve))
}

function onSignal(react: (signal: NodeJS.Signals) => void): void {
  process.once('SIGINT', react)
  process.once('SIGTERM', react)
}

const COMMANDS: Readonly<Record<string, (args: string[]) => Promise<void>>> = {
  serve,
  'check-config': checkConfig,
  migrate,
  ledger,
  reconcile,
  invoices,
  audit,
  'rotate-encryption': rotateEncryption,
  send,
  dlq,
  'hash-password': hashPasswordOfInput,
  carriers,
  config: configure,
  routes,
  binds,
  pcap,
  rates,
  numbers,
  keys,
  users,
  sandbox,
}

async function run(): Promise<void> {
  const [name = 'help', ...args] = process.argv.slice(2)
  if (['help', '--help', '-h'].includes(name)) return say(HELP)
  if (['version', '--version', '-v'].includes(name)) return say(VERSION)
  const command = COMMANDS[name]
  if (!command) throw new UsageError(`there is no command "${name}"`)
  await command(args)
}

function isUsageError(error: unknown): boolean {
  if (error instanceof UsageError) return true
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return code.startsWith('ERR_PARSE_ARGS')
}

try {
  await run()
} catch (error) {
  if (isUsageError(error)) {
    complain(`${messageOf(error)}\n\n${HELP}`)
    process.exit(EXIT_USAGE)
  }
  // An error raised on purpose says all there is to say; anything else is ours to find.
  const isOurs = error instanceof GatewayError || error instanceof SmppError
  complain(isOurs || !(error instanceof Error) ? messageOf(error) : (error.stack ?? error.message))
  process.exit(1)
}
