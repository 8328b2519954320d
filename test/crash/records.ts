/** One try to hand a message to the gateway, as the client remembers it. */
export interface Submission {
  readonly token: string
  readonly round: number
  readonly via: 'rest' | 'bulk' | 'smpp'
  readonly to: string
  readonly trafficClass: 'otp' | 'transactional'
  readonly atMs: number
  /**
   * `accepted` once the whole answer was read; `unanswered`: the connection ended before, so the
   * gateway may or may not have it.
   */
  outcome: 'pending' | 'accepted' | 'refused' | 'unanswered'
  /** The gateway's id; set when accepted. */
  id: string | undefined
  /** What the answer said; REST only. */
  price: { readonly amount: string; readonly currency: string } | undefined
}

/** Something the gateway told a sender: a webhook, or a receipt to a partner. */
export interface Told {
  readonly via: 'webhook' | 'receipt'
  readonly messageId: string
  /** `message.delivered` and the like; of a receipt its `stat`. */
  readonly event: string
  /** `webhook-id`; empty for a receipt, which has none. */
  readonly eventId: string
  readonly atMs: number
  /** False when it was not acknowledged on purpose: it must come again. */
  readonly isAcknowledged: boolean
  /** True when the signature was right; null when it could not be checked. */
  readonly isGenuine: boolean | null
}

/** A message as the gateway's API shows it, as far as the laboratory reads it. */
export interface ShownMessage {
  readonly id: string
  readonly status: string
  readonly is_final: boolean
  readonly error: { readonly code: string; readonly detail: string | null } | null
  readonly to: string
  readonly text: string
  readonly segments: number
  readonly price: { readonly amount: string; readonly currency: string }
  readonly carrier: string | null
  readonly timeline?: readonly {
    readonly at: string
    readonly type: string
    readonly status: string
    readonly code: string | null
  }[]
}
