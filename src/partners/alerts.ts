import type { Clock } from '../core/clock.ts'
import { Recent } from '../core/recent.ts'
import { recipientKey } from '../messages/live.ts'
import type { Message } from '../messages/message.ts'
import { intTlv, TlvTag } from '../smpp/tlv.ts'
import { addressFields } from './address.ts'
import type { ReceiptTransport } from './receipt-transport.ts'

/** How long a handset may take to come back, and for how many that is remembered. */
const REMEMBER_MS = 86_400_000
const CAPACITY = 50_000

/** A carrier says that a handset is there again. */
export interface HandsetAlert {
  readonly carrier: string
  readonly handset: string
  /** `ms_availability_status`; null: not told. */
  readonly availability: number | null
}

interface Asked {
  readonly partner: string
  /** The sender id of the message: the alert's `esme_addr`. */
  readonly from: string
}

/**
 * Tells partners that a handset is back, where they have asked for that with `set_dpf` and the carrier
 * says so: the latest partner that has sent something to that number through that carrier.
 *
 * Lost with the process, and with a partner that is away: an alert has no answer in SMPP.
 *
 * @see SMPP v3.4, sections 4.12 (alert_notification) and 5.3.2.29 (set_dpf)
 */
export class Alerts {
  readonly #asked = new Recent<Asked>(CAPACITY, REMEMBER_MS)
  readonly #receipts: ReceiptTransport
  readonly #clock: Clock

  constructor(receipts: ReceiptTransport, clock: Clock) {
    this.#receipts = receipts
    this.#clock = clock
  }

  /** A message goes to a carrier. */
  noteSubmit({ partner, passThrough, to, from }: Message, carrier: string): void {
    if (partner === null || !passThrough) return
    const wish = passThrough.tlvs.find(({ tag }) => tag === TlvTag.set_dpf)
    if (wish?.value[0] !== 1) return
    this.#asked.set(recipientKey(carrier, to), { partner, from }, this.#clock().getTime())
  }

  /** Passes an alert on; false when nobody has asked for it, or is not there. */
  passOn({ carrier, handset, availability }: HandsetAlert): boolean {
    const asked = this.#asked.get(recipientKey(carrier, handset), this.#clock().getTime())
    if (!asked) return false
    const source = addressFields(handset)
    const esme = addressFields(asked.from)
    return this.#receipts.notify(asked.partner, {
      command: 'alert_notification',
      source_addr_ton: source.ton,
      source_addr_npi: source.npi,
      source_addr: source.address,
      esme_addr_ton: esme.ton,
      esme_addr_npi: esme.npi,
      esme_addr: esme.address,
      tlvs: availability === null ? [] : [intTlv('ms_availability_status', availability)],
    })
  }
}
