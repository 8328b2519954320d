import type { PartnerBind } from '../config/partner-access.ts'
import type { ConnectionOrigin } from '../smpp/listener.ts'
import type { Session } from '../smpp/session.ts'
import type { PartnerAccount } from './account.ts'

/** One session of a partner, from the verdict on its bind to its end. */
export interface BoundSession {
  /** As it is now: its terms hold for what comes next. */
  account: PartnerAccount
  readonly bindType: PartnerBind
  readonly origin: ConnectionOrigin
  readonly since: Date
  /** Set once the bind response is out. */
  session: Session | undefined
  /** The account is gone or would not be let in like this any more. */
  isUnwanted: boolean
}

/** How a session of a partner stands, for people. */
export interface PartnerSessionReport {
  readonly bindType: PartnerBind
  readonly address: string
  readonly tls: boolean
  readonly since: Date
  /** Our requests that wait for the partner: receipts, mostly. */
  readonly unansweredByPartner: number
  /** Requests of the partner that are worked on. */
  readonly unansweredByUs: number
}

/** Who is bound, per account. */
export class BoundSessions {
  readonly #byAccount = new Map<string, Set<BoundSession>>()

  /** Sessions of an account, with those whose bind response is on its way. */
  countOf(systemId: string): number {
    return this.#byAccount.get(systemId)?.size ?? 0
  }

  add(bound: BoundSession): void {
    const { systemId } = bound.account
    const known = this.#byAccount.get(systemId)
    if (known) known.add(bound)
    else this.#byAccount.set(systemId, new Set([bound]))
  }

  remove(bound: BoundSession): void {
    this.#byAccount.get(bound.account.systemId)?.delete(bound)
  }

  /** All sessions, with those whose bind response is on its way. */
  all(): BoundSession[] {
    return [...this.#byAccount.values()].flatMap((sessions) => [...sessions])
  }

  /** The sessions of an account, oldest first. */
  reportOf(systemId: string): PartnerSessionReport[] {
    return [...(this.#byAccount.get(systemId) ?? [])].flatMap(({ session, ...bound }) =>
      session === undefined
        ? []
        : [
            {
              bindType: bound.bindType,
              address: bound.origin.remoteAddress,
              tls: bound.origin.tls,
              since: bound.since,
              unansweredByPartner: session.pendingCount,
              unansweredByUs: session.inboundPending,
            },
          ],
    )
  }
}
