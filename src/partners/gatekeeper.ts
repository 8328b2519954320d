import type { PartnerBind } from '../config/partner-access.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import { LoginFailures } from '../core/login-failures.ts'
import { Networks } from '../core/networks.ts'
import { PasswordCheck } from '../core/password-check.ts'
import { addressGroup } from '../smpp/address.ts'
import type { ConnectionOrigin } from '../smpp/listener.ts'
import type { BindPdu } from '../smpp/pdu.ts'
import type { BindOrigin, BindVerdict } from '../smpp/server.ts'
import type { SessionChanges } from '../smpp/session-options.ts'
import { CommandStatus } from '../smpp/status.ts'
import type { PartnerAccount } from './account.ts'
import type { BoundSession, BoundSessions } from './bound-sessions.ts'

/** Why a bind was refused, as the metrics count it. */
export type BindRefusal =
  | 'unknown_system_id'
  | 'wrong_password'
  | 'address_not_allowed'
  | 'tls_required'
  | 'certificate_not_accepted'
  | 'bind_type_not_allowed'
  | 'too_many_binds'
  /** The connection was gone before the bind was judged. */
  | 'abandoned'
  | 'busy'

/** A bind that was judged. */
export interface JudgedBind {
  readonly systemId: string
  readonly bindType: PartnerBind
  readonly address: string
  readonly tls: boolean
  /** Undefined: there is no such account. */
  readonly tenantId: string | undefined
  /** Undefined: it was accepted. */
  readonly refusal: BindRefusal | undefined
}

/** What a {@link Gatekeeper} works with. */
export interface GatekeeperOptions {
  readonly accounts: readonly PartnerAccount[]
  readonly bound: BoundSessions
  /** The longest wait of a bind after failures, in milliseconds. */
  readonly maxDelayMs: number
  readonly clock: Clock
  readonly logger: Logger
  readonly onJudged: (bind: JudgedBind) => void
}

const FIRST_VERSION_WITH_PROHIBITED = 0x50

/** Refusals that a stranger who guesses would get; they make the next try wait. */
const SUSPICIOUS: ReadonlySet<BindRefusal> = new Set<BindRefusal>([
  'unknown_system_id',
  'wrong_password',
  'address_not_allowed',
  'certificate_not_accepted',
  'abandoned',
])

/** Those that are about one account, whatever address they come from: it must exist. */
const GUESSES: ReadonlySet<BindRefusal> = new Set<BindRefusal>(['wrong_password', 'abandoned'])

const BIND_TYPES: Readonly<Record<BindPdu['command'], PartnerBind>> = {
  bind_transmitter: 'transmitter',
  bind_receiver: 'receiver',
  bind_transceiver: 'transceiver',
}

interface Guarded {
  readonly account: PartnerAccount
  /** Undefined: it may come from anywhere. */
  readonly networks: Networks | undefined
}

/** Judges who may bind: account, address, TLS and certificate, password, kind and number of binds. */
export class Gatekeeper {
  readonly #options: GatekeeperOptions
  #accounts: ReadonlyMap<string, Guarded>
  readonly #failures: LoginFailures
  readonly #passwords = new PasswordCheck()

  constructor(options: GatekeeperOptions) {
    this.#options = options
    this.#failures = new LoginFailures(options.maxDelayMs)
    this.#accounts = guardedBySystemId(options.accounts)
  }

  /** Judges by other accounts from now on. */
  follow(accounts: readonly PartnerAccount[]): void {
    this.#accounts = guardedBySystemId(accounts)
  }

  /**
   * The account of a session as it is now; undefined where a bind like that of the session would be
   * refused. How many there are does not matter.
   */
  accountOf({ account: { systemId }, bindType, origin }: BoundSession): PartnerAccount | undefined {
    const guarded = this.#accounts.get(systemId)
    if (!guarded || strangerReason(guarded, origin)) return undefined
    return guarded.account.access.bindTypes.includes(bindType) ? guarded.account : undefined
  }

  /** The verdict on a bind; it takes its time after failures, and where a password is hashed. */
  async judge(bind: BindPdu, origin: BindOrigin): Promise<BindVerdict<BoundSession>> {
    const group = addressGroup(origin.remoteAddress)
    const isLookedAt = await this.#failures.wait(group, bind.system_id, performance.now())
    if (!isLookedAt) return this.#refuse('busy', bind, origin)
    const guarded = this.#accounts.get(bind.system_id)
    if (!guarded) return this.#refuse('unknown_system_id', bind, origin)
    const stranger = strangerReason(guarded, origin)
    if (stranger) return this.#refuse(stranger, bind, origin)
    const { account } = guarded
    // Whoever does not wait for the answer has had a try, too.
    if (!origin.isOpen()) return this.#refuse('abandoned', bind, origin)
    const { systemId, password } = account
    const verdict = await this.#passwords.check(systemId, bind.password, password)
    // The account has changed meanwhile.
    if (this.#accounts.get(bind.system_id) !== guarded) return this.judge(bind, origin)
    if (verdict === 'busy') return this.#refuse('busy', bind, origin)
    if (verdict === 'wrong') return this.#refuse('wrong_password', bind, origin)
    this.#failures.succeeded(group, account.systemId, performance.now())
    const { access } = account
    const bindType = BIND_TYPES[bind.command]
    if (!access.bindTypes.includes(bindType)) {
      return this.#refuse('bind_type_not_allowed', bind, origin)
    }
    const { bound } = this.#options
    if (access.maxBinds > 0 && bound.countOf(account.systemId) >= access.maxBinds) {
      return this.#refuse('too_many_binds', bind, origin)
    }
    return this.#accept(account, bind, origin)
  }

  #accept(account: PartnerAccount, bind: BindPdu, origin: BindOrigin): BindVerdict<BoundSession> {
    const { bound, clock } = this.#options
    const bindType = BIND_TYPES[bind.command]
    const { remoteAddress, tls, certificate } = origin
    const context: BoundSession = {
      account,
      bindType,
      origin: { remoteAddress, tls, certificate },
      since: clock(),
      session: undefined,
      isUnwanted: false,
    }
    bound.add(context)
    this.#tell(bind, origin)
    return {
      status: CommandStatus.ESME_ROK,
      context,
      ...sessionFigures(account),
      release: () => bound.remove(context),
    }
  }

  #refuse(reason: BindRefusal, bind: BindPdu, origin: BindOrigin): { readonly status: number } {
    const { remoteAddress, tls } = origin
    const { system_id } = bind
    if (SUSPICIOUS.has(reason)) {
      const account = GUESSES.has(reason) ? system_id : undefined
      this.#failures.failed(addressGroup(remoteAddress), account, performance.now())
    }
    this.#options.logger.warn({ system_id, remoteAddress, tls, reason }, 'a bind was refused')
    this.#tell(bind, origin, reason)
    return { status: statusOf(reason, bind.interface_version) }
  }

  #tell({ system_id, command }: BindPdu, origin: BindOrigin, refusal?: BindRefusal): void {
    const { remoteAddress: address, tls } = origin
    this.#options.onJudged({
      systemId: system_id,
      bindType: BIND_TYPES[command],
      address,
      tls,
      tenantId: this.#accounts.get(system_id)?.account.tenant.id,
      refusal,
    })
  }
}

/** What an account says about each of its sessions. */
export function sessionFigures({ access }: PartnerAccount): SessionChanges {
  const { window, submitWindow, enquireLinkSeconds, inactivitySeconds } = access
  return {
    windowSize: window,
    maxInboundPending: submitWindow,
    enquireLinkMs: enquireLinkSeconds * 1_000,
    inactivityMs: inactivitySeconds * 1_000,
  }
}

function guardedBySystemId(accounts: readonly PartnerAccount[]): ReadonlyMap<string, Guarded> {
  return new Map(
    accounts.map((account) => {
      const { allowFrom } = account.access
      const networks = allowFrom.length > 0 ? new Networks(allowFrom) : undefined
      return [account.systemId, { account, networks }]
    }),
  )
}

/** What is wrong with where a bind comes from; undefined when nothing is. */
function strangerReason(
  { account: { access }, networks }: Guarded,
  { remoteAddress, tls, certificate }: ConnectionOrigin,
): BindRefusal | undefined {
  if (networks && !networks.has(remoteAddress)) return 'address_not_allowed'
  if (access.tls === 'required' && !tls) return 'tls_required'
  const accepted = access.clientCertificate
  if (!accepted) return undefined
  const isAccepted =
    certificate !== undefined &&
    (accepted.fingerprints.includes(certificate.fingerprint) ||
      // Anybody can write any name into a certificate of his own.
      (certificate.isTrusted &&
        certificate.commonNames.some((name) => accepted.commonNames.includes(name))))
  return isAccepted ? undefined : 'certificate_not_accepted'
}

/** `ESME_RPROHIBITED` came with version 5.0; older peers know only that the bind failed. */
function statusOf(reason: BindRefusal, interfaceVersion: number): number {
  switch (reason) {
    case 'unknown_system_id':
      return CommandStatus.ESME_RINVSYSID
    case 'wrong_password':
      return CommandStatus.ESME_RINVPASWD
    case 'too_many_binds':
      return CommandStatus.ESME_RALYBND
    case 'busy':
      return CommandStatus.ESME_RBINDFAIL
    default:
      return interfaceVersion >= FIRST_VERSION_WITH_PROHIBITED
        ? CommandStatus.ESME_RPROHIBITED
        : CommandStatus.ESME_RBINDFAIL
  }
}
