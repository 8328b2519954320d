import type { Callbacks, ProviderReports } from '../providers/provider.ts'

/** The carrier that a callback is for, as far as callbacks concern it. */
export interface CallbackTarget {
  /** Undefined: its provider reports nothing by itself. */
  readonly callbacks: Callbacks | undefined
  /** What must stand in the path; undefined: nothing, and then only a provider that signs is heard. */
  readonly secret: string | undefined
  /** Addresses and networks that it may come from; empty: any. */
  readonly addresses: readonly string[]
  /**
   * Takes what a callback says; resolves when that is durable. After a crash it may be handed over again.
   *
   * @throws what keeps it from being taken now; it comes again some seconds later
   */
  take(reports: ProviderReports): Promise<void>
}

/** The carrier of that name; undefined: there is none. */
export type TargetOf = (carrier: string) => CallbackTarget | undefined
