import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Transport } from '../messages/teller.ts'
import type { Telling, TellingFate, TellingOutcome } from '../messages/telling.ts'
import type { Session } from '../smpp/session.ts'
import { CommandStatus, statusInfo } from '../smpp/status.ts'
import type { PartnerAccount, ReceiptDialect } from './account.ts'
import { receiptPdu } from './receipt-pdu.ts'

/** Rest after a partner could not take something. */
const RETRY_AFTER_MS = 2_000

/** Versions that tell no interface version are taken as v3.3, which has no TLVs. */
const OLDEST_VERSION = 0x33

/** The queue of a partner's receipts, as tellings name it. */
export function partnerRecipient(systemId: string): string {
  return `partner:${systemId}`
}

/** Brings partners the receipts they are owed, over any session of their account that receives. */
export class ReceiptTransport implements Transport {
  readonly #sessions = new Map<string, Set<Session>>()
  /** How each partner's receipts are written, by recipient. */
  readonly #dialects = new Map<string, ReceiptDialect>()
  readonly #logger: Logger
  readonly #clock: Clock

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger
    this.#clock = clock
  }

  /** A session of the partner that can receive is bound. */
  add({ systemId, dialect }: PartnerAccount, session: Session): void {
    const recipient = partnerRecipient(systemId)
    this.#dialects.set(recipient, dialect.receipts)
    const known = this.#sessions.get(recipient)
    if (known) known.add(session)
    else this.#sessions.set(recipient, new Set([session]))
  }

  /** The session is over. */
  remove(systemId: string, session: Session): void {
    this.#sessions.get(partnerRecipient(systemId))?.delete(session)
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
    const dialect = this.#dialects.get(telling.recipient)
    if (!session || !dialect) return { fate: this.#later(0), error: 'no session is bound' }
    try {
      const version = session.peerVersion ?? OLDEST_VERSION
      const pdu = receiptPdu(telling.payload, version, dialect)
      const { command_status: status } = await session.request(pdu)
      if (status === CommandStatus.ESME_ROK) return { fate: { kind: 'done' }, error: null }
      const { name, retry } = statusInfo(status)
      if (retry !== 'permanent') return { fate: this.#later(RETRY_AFTER_MS), error: name }
      this.#logger.warn(
        { recipient: telling.recipient, messageId: telling.messageId, status: name },
        'a partner refused a receipt for good',
      )
      return { fate: { kind: 'dead', reason: name }, error: name }
    } catch (error) {
      return { fate: this.#later(0), error: messageOf(error) }
    }
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
