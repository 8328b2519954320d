import type { TlsOptions } from 'node:tls'
import type { SmppConfig, SmppTlsConfig } from '../config/smpp-listeners.ts'
import type { Clock } from '../core/clock.ts'
import { GatewayError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { Networks } from '../core/networks.ts'
import type { Teller } from '../messages/teller.ts'
import { ConnectionCaps } from '../smpp/connection-caps.ts'
import { SmppError } from '../smpp/errors.ts'
import type { RefusalReason } from '../smpp/listener.ts'
import type { CommandName } from '../smpp/pdu.ts'
import type { Recorder } from '../smpp/recorder.ts'
import { SmppServer } from '../smpp/server.ts'
import type { PartnerAccount } from './account.ts'
import { type BoundSession, BoundSessions, type PartnerSessionReport } from './bound-sessions.ts'
import { Gatekeeper, type JudgedBind, sessionFigures } from './gatekeeper.ts'
import { OutbindCaller } from './outbind-caller.ts'
import { partnerRecipient, type ReceiptTransport } from './receipt-transport.ts'
import type { PartnerRequests } from './requests.ts'

/** What a {@link PartnerServer} is built with. */
export interface PartnerServerOptions {
  readonly config: SmppConfig
  readonly accounts: readonly PartnerAccount[]
  readonly requests: PartnerRequests
  readonly receipts: ReceiptTransport
  readonly teller: Teller
  readonly clock: Clock
  readonly logger: Logger
  /** Told of every bind, for the metrics and the audit log. */
  readonly onBind: (bind: JudgedBind) => void
  /** Told of every connection that was closed before it could bind, for the metrics. */
  readonly onConnectionRefused: (reason: RefusalReason) => void
  /** Told of every request that is not granted, those of unbound peers included; undefined: nobody knows it. */
  readonly onRequestRefused: (command: CommandName | undefined, status: number) => void
  /** Keeps the latest PDUs of every connection. */
  readonly recorder: Recorder
}

/** An account and its sessions, for people. */
export interface PartnerReport {
  readonly account: PartnerAccount
  readonly sessions: readonly PartnerSessionReport[]
}

/** Longest wait of a bind after failures; half the time that an unbound connection has, at most. */
const MAX_BIND_DELAY_MS = 5_000

/** The SMPP front door: partners bind, submit, and get their receipts. */
export class PartnerServer {
  readonly #options: PartnerServerOptions
  #accounts: readonly PartnerAccount[]
  readonly #bound = new BoundSessions()
  readonly #gatekeeper: Gatekeeper
  readonly #plain: SmppServer<BoundSession> | undefined
  readonly #secure: SmppServer<BoundSession> | undefined
  readonly #caller: OutbindCaller

  constructor(options: PartnerServerOptions) {
    const { config, accounts, clock, logger } = options
    this.#options = options
    this.#accounts = accounts
    this.#gatekeeper = new Gatekeeper({
      accounts,
      bound: this.#bound,
      maxDelayMs: Math.min(MAX_BIND_DELAY_MS, (config.sessionInitSeconds * 1_000) / 2),
      clock,
      logger,
      onJudged: options.onBind,
    })
    const caps = new ConnectionCaps(config)
    const { port, tls, proxyProtocol } = config
    if (port !== undefined) this.#plain = this.#server(caps, { port, proxyProtocol })
    if (tls) this.#secure = this.#server(caps, { ...tls, tls: tlsOptions(tls, accounts) })
    const { teller, receipts } = options
    this.#caller = new OutbindCaller({
      accounts,
      isOwed: (systemId) => teller.isOwed(partnerRecipient(systemId)),
      isReceiving: (systemId) => receipts.concurrencyOf(partnerRecipient(systemId)) > 0,
      call: async ({ host: to, port: at, systemId: system_id, password }) =>
        (this.#plain ?? this.#secure)?.callOut({ host: to, port: at }, { system_id, password }),
      clock,
      logger,
    })
  }

  /** The port it listens on without TLS; 0 when it does not. */
  get port(): number {
    return this.#plain?.port ?? 0
  }

  /** The port it listens on with TLS; 0 when it does not. */
  get tlsPort(): number {
    return this.#secure?.port ?? 0
  }

  /** Those that may bind now. */
  get accounts(): readonly PartnerAccount[] {
    return this.#accounts
  }

  /** Every account, with who is bound. */
  get reports(): readonly PartnerReport[] {
    return this.#accounts.map((account) => ({
      account,
      sessions: this.#bound.reportOf(account.systemId),
    }))
  }

  /**
   * Starts to listen.
   *
   * @throws {GatewayError} `port_in_use`
   */
  async start(): Promise<void> {
    await listen(this.#plain, 'LINEHAUL_SMPP_PORT or smpp.port')
    try {
      await listen(this.#secure, 'smpp.tls.port')
    } catch (error) {
      await this.#plain?.close()
      throw error
    }
    this.#caller.start()
  }

  /**
   * Goes by other accounts, and by the certificates and keys of other settings for connections to come.
   *
   * Sessions whose account is gone, has another password, or would not be let in as they are, are
   * unbound once what they have asked is answered; for the others the changed terms hold at once.
   *
   * @param locked - accounts whose password has changed
   * @param tls - they can be used: that is for the caller to see
   */
  follow(
    accounts: readonly PartnerAccount[],
    locked: ReadonlySet<string>,
    tls: SmppTlsConfig | undefined,
  ): void {
    const { receipts } = this.#options
    this.#accounts = accounts
    this.#gatekeeper.follow(accounts)
    this.#caller.follow(accounts)
    for (const account of accounts) receipts.follow(account)
    if (tls) this.#secure?.renewTls(tlsOptions(tls, accounts))
    for (const bound of this.#bound.all()) {
      const account = this.#gatekeeper.accountOf(bound)
      if (!account || locked.has(account.systemId)) this.#dismiss(bound)
      else if (account !== bound.account) {
        bound.account = account
        bound.session?.adjust(sessionFigures(account))
      }
    }
  }

  #dismiss(bound: BoundSession): void {
    const { systemId } = bound.account
    const { logger, receipts } = this.#options
    bound.isUnwanted = true
    if (!bound.session) return
    receipts.remove(systemId, bound.session)
    logger.warn(
      { system_id: systemId, remoteAddress: bound.origin.remoteAddress },
      'a session is unbound: its account has changed',
    )
    void bound.session.unbind({ handsBack: true })
  }

  /** Lets requests in work finish for at most `drainMs`, unbinds everybody, stops listening. */
  async close(drainMs: number): Promise<void> {
    this.#caller.close()
    await Promise.all([this.#plain?.close({ drainMs }), this.#secure?.close({ drainMs })])
  }

  #server(
    caps: ConnectionCaps,
    listener: { readonly port: number; readonly proxyProtocol: boolean; readonly tls?: TlsOptions },
  ): SmppServer<BoundSession> {
    const { config, receipts, teller, requests, recorder, logger } = this.#options
    const { onConnectionRefused, onRequestRefused } = this.#options
    const proxies = new Networks(config.trustedProxies)
    return new SmppServer<BoundSession>({
      host: config.host,
      port: listener.port,
      ...(listener.tls ? { tls: listener.tls } : {}),
      ...(listener.proxyProtocol ? { isTrustedProxy: (address) => proxies.has(address) } : {}),
      caps,
      system_id: 'linehaul',
      sessionInitMs: config.sessionInitSeconds * 1_000,
      queueLimit: 10_000,
      logger,
      openRecording: (stream) =>
        recorder.open({ role: 'smsc', stream, owner: null, label: null, systemId: null }),
      authenticate: (bind, origin) => this.#gatekeeper.judge(bind, origin),
      onSession: (session, { context }) => {
        context.session = session
        if (context.isUnwanted) return this.#dismiss(context)
        if (context.bindType === 'transmitter') return
        receipts.add(context.account, session)
        teller.wake(partnerRecipient(context.account.systemId))
      },
      onSessionEnd: (session, { context }) => receipts.remove(context.account.systemId, session),
      onRequest: (pdu, _session, { bind, context }) =>
        requests.answer(pdu, { bind, account: context.account }),
      onRefused: onConnectionRefused,
      onRequestRefused,
    })
  }
}

/** Partners are asked for a certificate where one of them needs one; the gatekeeper judges it. */
function tlsOptions(tls: SmppTlsConfig, accounts: readonly PartnerAccount[]): TlsOptions {
  const { cert, key, ca } = tls
  const requestCert = accounts.some(({ access }) => access.clientCertificate !== undefined)
  return { cert, key, requestCert, rejectUnauthorized: false, ...(ca ? { ca } : {}) }
}

async function listen(
  server: SmppServer<BoundSession> | undefined,
  setting: string,
): Promise<void> {
  try {
    await server?.listen()
  } catch (cause) {
    if (!(cause instanceof SmppError) || cause.code !== 'port_in_use') throw cause
    const message = `${cause.message}: choose another with ${setting}`
    throw new GatewayError('port_in_use', message, { cause })
  }
}
