import type { Exclusion } from './decision.ts'
import type { RouteSubject } from './route-match.ts'

/** What a message may ask of a carrier, as bits. */
export const CAPABILITIES = { unicode: 1, binary: 2, flash: 4, receipts: 8, inbound: 16 } as const

/** What a text takes with a profile. */
export interface ProfileLayout {
  readonly segments: number
  readonly encoding: string
  /** Bits of {@link CAPABILITIES}. */
  readonly needs: number
}

/** What carriers must leave of a price. */
export interface RequiredMargin {
  /** Of the price, in millionths. */
  readonly ppm: number
  /** For each segment, in millionths of {@link currency}; 0: as {@link ppm} says. */
  readonly micros: number
  readonly currency: string
}

/** The message to be routed. */
export interface RouteRequest extends RouteSubject {
  /** E.164 without `+`, or who it goes to by another channel. */
  readonly recipient: string
  /**
   * What it takes with a profile, the same however often it is asked; undefined: it cannot be sent there, as to carriers
   * of another channel.
   */
  readonly layOut: (profile: number) => ProfileLayout | undefined
  /** The carrier that has the other segments of a long message that came one by one. */
  readonly siblingCarrier: string | undefined
  /** Carriers that are out of the question, such as those that have been tried. */
  readonly excluded: ReadonlyMap<string, Exclusion> | undefined
  /** What the tenant pays, in millionths of {@link sellCurrency}; null: what it costs. */
  readonly sellMicros: number | null
  readonly sellCurrency: string
  /** It pays that for the message and not for each segment. */
  readonly sellsMessage: boolean
  /** Carriers that cost more than that are refused. */
  readonly refusesLosses: boolean
  /** Carriers that leave less of it are refused; undefined: none is for that. */
  readonly minMargin: RequiredMargin | undefined
  /** 32 random bits. */
  readonly draw: number
  /** How many messages the route has had. */
  readonly turn: (route: string | null) => number
}
