/** What a simulated provider does with one recipient of a send. */
export type Verdict =
  | { readonly kind: 'accept' }
  /** With a code of the provider's own; or for a reason that every provider has a code for. */
  | { readonly kind: 'refuse'; readonly code?: string; readonly reason: RefusalReason }

/** Refusals that every simulator knows how to say. */
export const REFUSAL_REASONS = [
  'rate_limit',
  'auth',
  'number',
  'template',
  'balance',
  'content',
  'unsubscribed',
  'internal',
] as const

/** See {@link REFUSAL_REASONS}. */
export type RefusalReason = (typeof REFUSAL_REASONS)[number]

/** A message that a simulated provider has taken. */
export interface TakenMessage {
  /** The provider's id, as its answer says it. */
  readonly id: string
  /** The number as the request has it. */
  readonly to: string
  /** Signature, template, variables, text: what the request says of the content. */
  readonly content: Readonly<Record<string, unknown>>
  /** Where the request wants its receipts, if it says so. */
  readonly callbackUrl?: string
  /** What the request wants given back. */
  readonly echo?: string
  readonly takenAt: Date
}

/** A receipt as a simulated provider has it to tell. */
export interface SimulatedReceipt {
  readonly message: TakenMessage
  readonly isDelivered: boolean
  /** The provider's or the network's word for it: `DELIVRD`, `UNDELIV`, `MK:0001`. */
  readonly code: string
  readonly at: Date
}

/** A message of a handset as a simulated provider has it to tell. */
export interface SimulatedInbound {
  readonly id: string
  readonly from: string
  readonly to: string
  readonly text: string
  readonly at: Date
}

/** What a simulated provider remembers, and what its script says of messages. */
export class ProviderDesk {
  /** In the order in which they came. */
  readonly taken: TakenMessage[] = []
  /** What waits to be fetched. */
  readonly receipts: SimulatedReceipt[] = []
  readonly inbound: SimulatedInbound[] = []
  readonly #verdicts: Verdict[] = []
  readonly #byNumber = new Map<string, Verdict>()
  readonly #nonces = new Set<string>()
  readonly #now: () => Date
  #lastId = 0

  constructor(now: () => Date) {
    this.#now = now
  }

  get now(): Date {
    return this.#now()
  }

  /** What becomes of the next recipients, in turn; then they are accepted again. */
  script(...verdicts: readonly Verdict[]): void {
    this.#verdicts.push(...verdicts)
  }

  /** What becomes of every message to a number; its last digits are compared, however it is written. */
  always(number: string, verdict: Verdict): void {
    this.#byNumber.set(lastDigits(number), verdict)
  }

  /** What is to become of a message to this number. */
  verdictFor(number: string): Verdict {
    return this.#byNumber.get(lastDigits(number)) ?? this.#verdicts.shift() ?? { kind: 'accept' }
  }

  /** Numbers from 1, for ids. */
  nextId(): number {
    this.#lastId++
    return this.#lastId
  }

  take(message: Omit<TakenMessage, 'takenAt'>): TakenMessage {
    const taken = { ...message, takenAt: this.now }
    this.taken.push(taken)
    return taken
  }

  /** Whether nobody has used it before. */
  isFresh(nonce: string): boolean {
    if (this.#nonces.has(nonce)) return false
    this.#nonces.add(nonce)
    return true
  }

  /** The oldest receipts that wait to be fetched; they are handed out once. */
  pullReceipts(most: number): SimulatedReceipt[] {
    return this.receipts.splice(0, most)
  }

  /** The oldest messages of handsets that wait to be fetched. */
  pullInbound(most: number): SimulatedInbound[] {
    return this.inbound.splice(0, most)
  }
}

function lastDigits(number: string): string {
  // A recipient that is no number is compared as a whole.
  return /[A-Za-z]/.test(number) ? number.toLowerCase() : number.replaceAll(/\D/g, '').slice(-9)
}
