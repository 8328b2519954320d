import type { Access } from './accounts/access.ts'
import type { GuardsConfig } from './config/guards.ts'
import type { Clock } from './core/clock.ts'
import { messageOf } from './core/errors.ts'
import type { Logger } from './core/logger.ts'
import { guardPolicy } from './live-parts.ts'
import { loadGuards, saveGuards } from './messages/guard-store.ts'
import type { Ending } from './messages/journal.ts'
import type { OpenBreaker } from './routing/guard-breakers.ts'
import { Guards } from './routing/guards.ts'
import { parseNumber } from './routing/number.ts'
import type { Store } from './store/open.ts'

const SAVE_EVERY_MS = 60_000

/** What {@link openGuards} works with. */
export interface OpenGuardsOptions {
  readonly config: GuardsConfig
  readonly access: Access
  readonly store: Store
  readonly logger: Logger
  readonly clock: Clock
  /** Told of every message that an open breaker concerns. */
  readonly onGuarded: (breaker: OpenBreaker) => void
  /** Told of every breaker that opens. */
  readonly onBreaker: (breaker: OpenBreaker) => void
}

/** Guards, and what they have learned. */
export interface OpenGuards {
  readonly guards: Guards
  /** A message has come to its end; of a delivered code it is watched whether somebody uses it. */
  noteEnding(ending: Ending): void
  /** Takes over what earlier runs have learned. */
  load(): Promise<void>
  /** Begins to store what is learned, from time to time. */
  start(): void
  /** Stores what was learned. */
  close(): Promise<void>
}

/** Makes the guards of a configuration; those that are off learn nothing. */
export function openGuards(options: OpenGuardsOptions): OpenGuards {
  const { config, access, store, logger, clock, onGuarded, onBreaker } = options
  const guards = new Guards(guardPolicy(config, access), onGuarded, onBreaker)
  let timer: NodeJS.Timeout | undefined

  async function save(): Promise<void> {
    if (!guards.isOff) await saveGuards(store, guards.snapshot(clock()), clock())
  }

  return {
    guards,
    noteEnding({ message, carrier, status }) {
      if (!guards.watchesConversion || status !== 'delivered') return
      if (message.trafficClass !== 'otp' || message.channel !== 'sms') return
      const number = parseNumber(message.to)
      if (number.ok) guards.noteDelivered(message, carrier, number.number, clock())
    },
    async load() {
      if (!guards.isOff) guards.restore(await loadGuards(store))
    },
    start() {
      timer = setInterval(() => {
        save().catch((error: unknown) =>
          logger.error({ error: messageOf(error) }, 'cannot save what guards have learned'),
        )
      }, SAVE_EVERY_MS).unref()
    },
    async close() {
      clearInterval(timer)
      await save()
    },
  }
}
