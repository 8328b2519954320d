import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Transport } from '../messages/teller.ts'
import type { Telling, TellingFate, TellingOutcome } from '../messages/telling.ts'
import type { PduInput } from '../smpp/pdu.ts'
import type { Session } from '../smpp/session.ts'
import { CommandStatus, statusInfo } from '../smpp/status.ts'
import type { PartnerAccount } from './account.ts'
import { inboundPdu } from './inbound-pdu.ts'
import { receiptPdu } from './receipt-pdu.ts'

/** Rest after a partner could not take something. */
const RETRY_AFTER_MS = 2_000

/** Versions that tell no interface version are taken as v3.3, which has no TLVs. */
const OLDEST_VERSION = 0x33

/** The queue of a partner's receipts, as tellings name it. */
export function partnerRecipient(systemId: string): string {
  return `partner:${systemId}`
}

/**
 * Brings partners the receipts they are owed and the messages of handsets that are theirs, over any
 * session of their account that receives.
 */
export class ReceiptTransport implements Transport {
  readonly #sessions = new Map<string, Set<Session>>()
  /** Whoever has ever been bound, by recipient. */
  readonly #accounts = new Map<string, PartnerAccount>()
  readonly #logger: Logger
  readonly #clock: Clock

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger
    this.#clock = clock
  }

  /** A session of the partner that can receive is bound. */
  add(account: PartnerAccount, session: Session): void {
    const recipient = partnerRecipient(account.systemId)
    this.#accounts.set(recipient, account)
    const known = this.#sessions.get(recipient)
    if (known) known.add(session)
    else this.#sessions.set(recipient, new Set([session]))
  }

  /** An account goes by other settings from now on. */
  follow(account: PartnerAccount): void {
    const recipient = partnerRecipient(account.systemId)
    if (this.#accounts.has(recipient)) this.#accounts.set(recipient, account)
  }

  /** The session is over, or is to get nothing more. */
  remove(systemId: string, session: Session): void {
    this.#sessions.get(partnerRecipient(systemId))?.delete(session)
  }

  /** Sends what has no answer to a session of the partner; false when none receives. */
  notify(systemId: string, pdu: Parameters<Session['notify']>[0]): boolean {
    const session = this.#freestSession(partnerRecipient(systemId))
    if (!session) return false
    const isOld = (session.peerVersion ?? OLDEST_VERSION) <= OLDEST_VERSION
    session.notify(isOld ? { ...pdu, tlvs: [] } : pdu)
    return true
  }

  concurrencyOf(recipient: string): number {
    let room = 0
    for (const session of this.#sessions.get(recipient) ?? []) room += session.windowSize
    return room
  }

  async deliver(telling: Telling): Promise<TellingOutcome> {
    const at = this.#clock()
    const { fate, error } = await this.#send(telling)
    const durationMs = this.#clock().getTime() - at.getTime()
    return { try: { at, statusCode: null, durationMs, error }, fate }
  }

  async #send(telling: Telling): Promise<{ fate: TellingFate; error: string | null }> {
    const session = this.#freestSession(telling.recipient)
    const account = this.#accounts.get(telling.recipient)
    if (!session || !account) return { fate: this.#later(0), error: 'no session is bound' }
    try {
      for (const pdu of pdusOf(telling, account, session.peerVersion ?? OLDEST_VERSION)) {
        const { command_status: status } = await session.request(pdu)
        if (status !== CommandStatus.ESME_ROK) return this.#refused(telling, status)
      }
      return { fate: { kind: 'done' }, error: null }
    } catch (error) {
      return { fate: this.#later(0), error: messageOf(error) }
    }
  }

  #refused(
    { recipient, subjectId, event }: Telling,
    status: number,
  ): { fate: TellingFate; error: string } {
    const { name, retry } = statusInfo(status)
    if (retry !== 'permanent') return { fate: this.#later(RETRY_AFTER_MS), error: name }
    this.#logger.warn(
      { recipient, subjectId, event, status: name },
      'a partner refused a deliver_sm for good',
    )
    return { fate: { kind: 'dead', reason: name }, error: name }
  }

  #later(waitMs: number): TellingFate {
    return { kind: 'later', at: new Date(this.#clock().getTime() + waitMs) }
  }

  #freestSession(recipient: string): Session | undefined {
    let freest: Session | undefined
    for (const session of this.#sessions.get(recipient) ?? []) {
      if (!freest || session.pendingCount < freest.pendingCount) freest = session
    }
    return freest
  }
}

/** The parts of a message follow each other over one session, each after the answer to the last. */
function pdusOf(telling: Telling, account: PartnerAccount, version: number): PduInput[] {
  // Of accounts only webhooks are told.
  if (telling.event === 'balance.low') return []
  if (telling.event !== 'message.received') {
    return [receiptPdu(telling.payload, version, account.dialect.receipts)]
  }
  const { payload } = telling
  const { defaultAlphabet } = account.access
  return payload.pdus.map((pdu) => inboundPdu(payload, pdu, version, defaultAlphabet))
}
