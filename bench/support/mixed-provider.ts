/**
 * The providers of the benchmark of mixed carriers: the simulators of the sandbox behind a latency, which push the
 * receipts of what a call has brought together, a moment after its answer.
 */
import { ProviderServer, type ProviderSimulator } from '../../src/sandbox/provider-server.ts'
import { tencentSimulator } from '../../src/sandbox/providers/tencent.ts'
import { twilioSimulator } from '../../src/sandbox/providers/twilio.ts'
import { answerCommands, failProcess } from './child.ts'
import { HttpConnection } from './http-connection.ts'

/** What the benchmark tells the providers. */
export type ProviderCommand =
  | { readonly type: 'listen'; readonly latencyMs: number }
  /** Where the gateway is; callbacks are not sent before. */
  | { readonly type: 'report to'; readonly port: number }
  /** Asks for what has come since the last time, once there are as many receipts taken. */
  | { readonly type: 'collect'; readonly provider: ProviderName; readonly receipts: number }
  | { readonly type: 'sockets'; readonly provider: ProviderName }

/** What the providers answer. */
export type ProviderReport =
  | {
      readonly type: 'listening'
      /** What the carrier of each has to be set with. */
      readonly settings: Readonly<Record<ProviderName, object>>
      readonly callbackSecret: string
    }
  | { readonly type: 'reporting' }
  | {
      readonly type: 'collected'
      readonly messages: number
      readonly calls: number
      /** Connections of the gateway: the most at once, and those that were opened. */
      readonly mostSockets: number
      readonly openedSockets: number
    }
  | { readonly type: 'sockets'; readonly open: number }

/** Whose simulators there are. */
export type ProviderName = 'twilio' | 'tencent'

const ACCOUNTS = {
  twilio: { account_sid: `AC${'a'.repeat(32)}`, auth_token: 'bench-token' },
  tencent: { secret_id: 'bench-id', secret_key: 'bench-key', sms_sdk_app_id: '1400006666' },
} as const

const CALLBACK_SECRET = 'a-secret-of-the-bench'

const HOST = '127.0.0.1'
const PUSH_CONNECTIONS = 8
/** The answer to the send is there by then. */
const REPORT_AFTER_MS = 50

let gatewayPort = 0
let latencyMs = 0

/** One provider, and what it has to tell. */
class Stand {
  readonly server: ProviderServer
  readonly #name: ProviderName
  readonly #simulator: ProviderSimulator
  readonly #idle: HttpConnection[] = []
  readonly #queued: (() => Promise<void>)[] = []
  #connections = 0
  #messages = 0
  #acknowledged = 0
  #mostSockets = 0
  #callsBefore = 0
  #openedBefore = 0
  #awaited: { readonly receipts: number; readonly resolve: () => void } | undefined

  constructor(name: ProviderName, simulator: ProviderSimulator) {
    this.#name = name
    this.#simulator = simulator
    this.server = new ProviderServer({
      ...simulator,
      answer: (request, desk) => {
        const answer = simulator.answer(request, desk)
        const taken = desk.taken.splice(0)
        this.#messages += taken.length
        this.#mostSockets = Math.max(this.#mostSockets, this.server.openConnections)
        const receipts = taken.map((message) => ({
          message,
          isDelivered: true,
          code: 'DELIVRD',
          at: desk.now,
        }))
        if (taken.length > 0) setTimeout(() => this.#report(receipts), latencyMs + REPORT_AFTER_MS)
        return answer
      },
    })
  }

  async collect(receipts: number): Promise<ProviderReport> {
    if (this.#acknowledged < receipts) {
      await new Promise<void>((resolve) => {
        this.#awaited = { receipts, resolve }
      })
    }
    this.#awaited = undefined
    const { requests, connections } = this.server
    const report = {
      type: 'collected',
      messages: this.#messages,
      calls: requests - this.#callsBefore,
      mostSockets: this.#mostSockets,
      openedSockets: connections - this.#openedBefore,
    } as const
    this.#messages = 0
    this.#acknowledged = 0
    this.#mostSockets = 0
    this.#callsBefore = requests
    this.#openedBefore = connections
    return report
  }

  #report(receipts: Parameters<ProviderSimulator['receiptPushes']>[0]): void {
    const path = `/callback/provider/${this.#name}/${CALLBACK_SECRET}/delivery`
    const url = `http://${HOST}:${gatewayPort}${path}`
    const pushes = this.#simulator.receiptPushes(receipts, url)
    const each = receipts.length / pushes.length
    for (const { headers, body } of pushes) {
      this.#queued.push(async () => {
        const connection = await this.#connection()
        const { status } = await connection.post(path, headers, ascii(body))
        if (status >= 300) throw new Error(`the gateway answered a callback with ${status}`)
        this.#idle.push(connection)
        this.#acknowledged += each
        if (this.#awaited && this.#acknowledged >= this.#awaited.receipts) this.#awaited.resolve()
      })
    }
    while (this.#connections < PUSH_CONNECTIONS && this.#queued.length > 0) {
      this.#connections++
      this.#pushAll().catch(failProcess)
    }
  }

  async #connection(): Promise<HttpConnection> {
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
      if (idle.isOpen) return idle
      idle.close()
    }
    return HttpConnection.open(HOST, gatewayPort)
  }

  async #pushAll(): Promise<void> {
    for (let push = this.#queued.shift(); push; push = this.#queued.shift()) await push()
    this.#connections--
  }
}

/** JSON means the same with its other characters escaped, and the connection counts octets as characters. */
function ascii(body: string): string {
  return body.replaceAll(
    /[\u0080-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

const stands: Readonly<Record<ProviderName, Stand>> = {
  twilio: new Stand(
    'twilio',
    twilioSimulator({
      accountSid: ACCOUNTS.twilio.account_sid,
      authToken: ACCOUNTS.twilio.auth_token,
    }),
  ),
  tencent: new Stand(
    'tencent',
    tencentSimulator({
      secretId: ACCOUNTS.tencent.secret_id,
      secretKey: ACCOUNTS.tencent.secret_key,
      smsSdkAppId: ACCOUNTS.tencent.sms_sdk_app_id,
    }),
  ),
}

async function answer(command: ProviderCommand): Promise<ProviderReport> {
  switch (command.type) {
    case 'listen':
      latencyMs = command.latencyMs
      for (const { server } of Object.values(stands)) server.latencyMs = latencyMs
      return {
        type: 'listening',
        settings: {
          twilio: { ...ACCOUNTS.twilio, endpoint: await stands.twilio.server.start() },
          tencent: { ...ACCOUNTS.tencent, endpoint: await stands.tencent.server.start() },
        },
        callbackSecret: CALLBACK_SECRET,
      }
    case 'report to':
      gatewayPort = command.port
      return { type: 'reporting' }
    case 'collect':
      return stands[command.provider].collect(command.receipts)
    case 'sockets':
      return { type: 'sockets', open: stands[command.provider].server.openConnections }
  }
}

answerCommands<ProviderCommand, ProviderReport>(answer)
