import type { RouteSubject } from './route-match.ts'

/** What a message may ask of a carrier, as bits. */
export const CAPABILITIES = { unicode: 1, binary: 2, flash: 4, receipts: 8 } as const

/** What a text takes with a profile. */
export interface ProfileLayout {
  readonly segments: number
  /** Bits of {@link CAPABILITIES}. */
  readonly needs: number
}

/** The message to be routed. */
export interface RouteRequest extends RouteSubject {
  /** What it takes with a profile; undefined: it cannot be sent there. */
  readonly layOut: (profile: number) => ProfileLayout | undefined
  /** The carrier that has the other segments of a long message that came one by one. */
  readonly siblingCarrier: string | undefined
  /** Carriers that have been tried. */
  readonly excluded: ReadonlySet<string> | undefined
  /** What the tenant pays for a segment, in millionths of {@link sellCurrency}; null: what it costs. */
  readonly sellMicros: number | null
  readonly sellCurrency: string
  /** Carriers that cost more than that are refused. */
  readonly refusesLosses: boolean
  /** 32 random bits. */
  readonly draw: number
  /** How many messages the route has had. */
  readonly turn: (route: string | null) => number
}
