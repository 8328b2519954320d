import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { vi } from 'vitest'

const BEARERBOX = '/usr/sbin/bearerbox'
const SMSBOX = '/usr/sbin/smsbox'
const PASSWORD = 'kannel'
const READY_WITHIN_MS = 20_000

/** Whether the Debian packages `kannel` and `kannel-extras` are here. */
export function isKannelInstalled(): boolean {
  return existsSync(BEARERBOX) && existsSync(SMSBOX)
}

/** What Kannel is started with. */
export interface KannelOptions {
  /** An empty folder for its configuration and its log. */
  readonly folder: string
  /** Where it binds as a transceiver, with `partner1` and `pw1`. */
  readonly smscPort: number
  /** Where it brings the messages of handsets. */
  readonly getUrl: string
}

/** Kannel as an ESME: bearerbox, which binds, and smsbox, which takes messages by HTTP. */
export class Kannel {
  readonly #options: KannelOptions
  #boxes: ChildProcess[] = []
  #httpPort = 0
  #adminPort = 0

  private constructor(options: KannelOptions) {
    this.#options = options
  }

  /** Starts both boxes and waits for the bind. */
  static async start(options: KannelOptions): Promise<Kannel> {
    const kannel = new Kannel(options)
    try {
      await kannel.#start()
    } catch (error) {
      await kannel.stop()
      throw error
    }
    return kannel
  }

  /**
   * Gives smsbox a message.
   *
   * @param query - parameters of the sendsms interface, in the octets they are to have
   * @see Kannel User Guide, section "Using the HTTP interface to smsbox"
   */
  async send(query: Readonly<Record<string, string>>): Promise<void> {
    const all = Object.entries({ username: 'kannel', password: PASSWORD, ...query })
    const text = all.map(([name, value]) => `${name}=${percentEncoded(value)}`).join('&')
    const response = await fetch(`http://127.0.0.1:${this.#httpPort}/cgi-bin/sendsms?${text}`)
    const said = await response.text()
    if (response.status !== 202) throw new Error(`smsbox answered ${response.status}: ${said}`)
  }

  /** Resolves once its bind is up. */
  async online(): Promise<void> {
    await vi.waitFor(
      async () => {
        const page = await this.#admin('status.txt')
        if (!/\(online \d+s/.test(page)) throw new Error(`it is not bound:\n${page}`)
      },
      { timeout: READY_WITHIN_MS, interval: 50 },
    )
  }

  /** What bearerbox has logged: every PDU with its fields, among others. */
  log(): Promise<string> {
    return readFile(join(this.#options.folder, 'bearerbox.log'), 'utf8')
  }

  /** How many receipts it has got. */
  async receiptCount(): Promise<number> {
    return [...(await this.log()).matchAll(/ esm_class: 4 = /g)].length
  }

  /** Asks both boxes to end in order, which unbinds. */
  async stop(): Promise<void> {
    for (const box of this.#boxes.splice(0).reverse()) {
      if (box.exitCode !== null || box.signalCode !== null) continue
      const hasEnded = new Promise((resolve) => box.once('exit', resolve))
      box.kill('SIGTERM')
      const timer = setTimeout(() => box.kill('SIGKILL'), 10_000)
      await hasEnded
      clearTimeout(timer)
    }
  }

  async #start(): Promise<void> {
    const [adminPort = 0, boxPort = 0, httpPort = 0] = await freePorts(3)
    this.#adminPort = adminPort
    this.#httpPort = httpPort
    const config = join(this.#options.folder, 'kannel.conf')
    await writeFile(config, configText(this.#options, { adminPort, boxPort, httpPort }))
    this.#run(BEARERBOX, config)
    await vi.waitFor(() => this.#admin('status.txt'), { timeout: READY_WITHIN_MS, interval: 50 })
    this.#run(SMSBOX, config)
    await vi.waitFor(() => fetch(`http://127.0.0.1:${httpPort}/`), {
      timeout: READY_WITHIN_MS,
      interval: 50,
    })
    await this.online()
  }

  #run(command: string, config: string): void {
    const box = spawn(command, ['-v', '4', config], { cwd: this.#options.folder, stdio: 'ignore' })
    const kill = () => box.kill('SIGKILL')
    process.once('exit', kill)
    box.once('exit', () => process.off('exit', kill))
    this.#boxes.push(box)
  }

  async #admin(page: string): Promise<string> {
    const url = `http://127.0.0.1:${this.#adminPort}/${page}?password=${PASSWORD}`
    return (await fetch(url)).text()
  }
}

interface Ports {
  readonly adminPort: number
  readonly boxPort: number
  readonly httpPort: number
}

function configText({ smscPort, getUrl, folder }: KannelOptions, ports: Ports): string {
  return [
    group('core', {
      'admin-port': ports.adminPort,
      'admin-interface': '127.0.0.1',
      'admin-password': PASSWORD,
      'smsbox-port': ports.boxPort,
      'smsbox-interface': '127.0.0.1',
      'box-allow-ip': '127.0.0.1',
      'dlr-storage': 'internal',
      'log-file': join(folder, 'bearerbox.log'),
      'log-level': 0,
    }),
    group('smsc', {
      smsc: 'smpp',
      'smsc-id': 'linehaul',
      'interface-version': 34,
      host: '127.0.0.1',
      port: smscPort,
      'transceiver-mode': 'true',
      'smsc-username': 'partner1',
      'smsc-password': 'pw1',
      'system-type': '',
      'enquire-link-interval': 2,
      'reconnect-delay': 1,
      'source-addr-autodetect': 'true',
      'dest-addr-ton': 1,
      'dest-addr-npi': 1,
    }),
    // With a smsbox-id it would get no messages of handsets that are not routed to it.
    group('smsbox', {
      'bearerbox-host': '127.0.0.1',
      'bearerbox-port': ports.boxPort,
      'sendsms-port': ports.httpPort,
      'sendsms-interface': '127.0.0.1',
      'log-level': 4,
    }),
    group('sendsms-user', {
      username: 'kannel',
      password: PASSWORD,
      'max-messages': 10,
      concatenation: 'true',
    }),
    // %b: the text in its octets; no answer goes back to the handset.
    group('sms-service', {
      keyword: 'default',
      'get-url': `${getUrl}?from=%p&to=%P&text=%b&coding=%c&udh=%u`,
      'max-messages': 0,
      'catch-all': 'true',
    }),
  ].join('\n')
}

function group(name: string, settings: Readonly<Record<string, string | number>>): string {
  const lines = Object.entries(settings).map(([key, value]) =>
    typeof value === 'number' ? `${key} = ${value}` : `${key} = "${value}"`,
  )
  return [`group = ${name}`, ...lines, ''].join('\n')
}

/** Every octet as `%xx`; characters stand for octets. */
function percentEncoded(octets: string): string {
  return Buffer.from(octets, 'latin1').toString('hex').replace(/../g, '%$&')
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
