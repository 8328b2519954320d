import type { Clock } from '../core/clock.ts'
import { GatewayError } from '../core/errors.ts'
import type { Dispatcher } from './dispatcher.ts'
import { endEntry } from './endings.ts'
import type { Intake } from './intake.ts'
import type { JournalEntry } from './journal.ts'
import type { LiveMessage, LiveMessages } from './live.ts'
import type { Message } from './message.ts'
import type { MessageRequest } from './message-request.ts'
import type { Withdrawal } from './withdrawal.ts'

/** What a {@link Superseding} is built with. */
export interface SupersedingOptions {
  readonly intake: Intake
  readonly withdrawal: Withdrawal
  readonly dispatcher: Dispatcher
  readonly live: LiveMessages
  readonly clock: Clock
}

/** Takes messages over in the place of others that still wait. */
export class Superseding {
  readonly #options: SupersedingOptions

  constructor(options: SupersedingOptions) {
    this.#options = options
  }

  /**
   * Takes a message over and ends others as `canceled`, in one commit. Those that have gone to a
   * carrier meanwhile stay as they are.
   *
   * @param alongside - what else belongs into that commit
   * @throws {GatewayError} what {@link Intake.accept} throws: then the others wait as before
   */
  async accept(
    tenantId: string,
    request: MessageRequest,
    others: readonly Message[],
    alongside: (message: Message) => readonly JournalEntry[] = () => [],
  ): Promise<Message> {
    const { intake, clock } = this.#options
    const held = await this.#withdraw(others)
    try {
      const [verdict] = await intake.acceptAll(tenantId, [request], ([first]) => {
        if (!first?.message) return []
        const why = `replaced by ${first.message.id}`
        const ends = held.map(({ message }) => endEntry(message, 'canceled', clock(), why))
        return [...ends, ...alongside(first.message)]
      })
      if (verdict?.message) return verdict.message
      throw verdict?.error
    } finally {
      for (const each of held) this.#handBack(each)
    }
  }

  async #withdraw(others: readonly Message[]): Promise<LiveMessage[]> {
    const held: LiveMessage[] = []
    for (const { tenantId, id } of others) {
      try {
        const taken = await this.#options.withdrawal.take(tenantId, id)
        if (taken.isTaken) held.push(taken.live)
      } catch (error) {
        // Erased meanwhile, or others do not let go of it: it is on its way.
        if (!(error instanceof GatewayError)) {
          for (const each of held) this.#handBack(each)
          throw error
        }
      }
    }
    return held
  }

  /** One that has ended is let go; where the acceptance failed it waits again. */
  #handBack(held: LiveMessage): void {
    const { live, dispatcher } = this.#options
    live.letGo(held)
    const { message } = held
    if (message.status === 'queued' && message.dueAt === null) dispatcher.enqueue(message)
  }
}
