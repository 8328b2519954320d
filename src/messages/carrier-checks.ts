import { isDeepStrictEqual } from 'node:util'
import type { Carrier, CarrierReceipt, SegmentOutcome } from '../carriers/carrier.ts'
import type { Clock } from '../core/clock.ts'
import type { CarrierHealth } from './carrier-health.ts'
import type { CarrierCheck } from './carrier-standing.ts'
import { CheckMessage, type CheckMessageText } from './check-message.ts'

/** How often a carrier is looked at, and how. */
export interface CheckPlan {
  readonly carrier: Carrier
  /** Between two looks at its connections; 0: never. */
  readonly everyMs: number
  /** How long an answer may take. */
  readonly timeoutMs: number
  /** Undefined: no messages are sent to it. */
  readonly message: (CheckMessageText & { readonly everyMs: number }) | undefined
}

/** What {@link CarrierChecks} are built with. */
export interface CarrierChecksOptions {
  readonly plans: readonly CheckPlan[]
  readonly health: Pick<CarrierHealth, 'noteCheck' | 'noteSubmit' | 'modeOf'>
  /** Told of every look, after it is counted. */
  readonly onChecked?: (carrier: string, check: CarrierCheck) => void
  readonly clock: Clock
}

/** Looks at carriers from time to time, so that what has failed is known before a message finds out. */
export class CarrierChecks {
  readonly #options: CarrierChecksOptions
  #plans: readonly CheckPlan[]
  #messages: ReadonlyMap<string, CheckMessage>
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #running = new Set<Promise<void>>()
  #isStarted = false
  #isClosed = false

  constructor(options: CarrierChecksOptions) {
    this.#options = options
    this.#plans = options.plans
    this.#messages = checkMessages(options.plans)
  }

  /** Looks from now on, for the first time after the interval of each. */
  start(): void {
    this.#isStarted = true
    for (const plan of this.#plans) {
      const { carrier, everyMs, message } = plan
      if (carrier.check && everyMs > 0) this.#later(plan, everyMs, () => this.checkLink(plan))
      if (message) this.#later(plan, message.everyMs, () => this.checkByMessage(plan))
    }
  }

  /** Looks by other plans from now on; what is under way ends without being told. */
  follow(plans: readonly CheckPlan[]): void {
    if (
      this.#isClosed ||
      isDeepStrictEqual(plans.map(withoutCarrier), this.#plans.map(withoutCarrier))
    )
      return
    this.#stop()
    this.#plans = plans
    this.#messages = checkMessages(plans)
    if (this.#isStarted) this.start()
  }

  /** Takes a receipt of a message of ours, and passes on any other. */
  screen(receipt: CarrierReceipt, passOn: () => Promise<void>): Promise<void> {
    const message = this.#messages.get(receipt.carrier)
    return message ? message.screen(receipt, passOn) : passOn()
  }

  /** Asks on all connections of a carrier. */
  async checkLink({ carrier, timeoutMs }: CheckPlan): Promise<void> {
    const at = this.#options.clock()
    const outcome = await carrier.check?.(timeoutMs)
    if (!outcome) return
    const isAsked = outcome.kind !== 'not_asked'
    const [error, latencyMs] =
      outcome.kind === 'answered' ? [null, outcome.latencyMs] : [outcome.reason, null]
    this.#tell(carrier, { kind: 'link', at, error, latencyMs, isAsked })
  }

  /** Sends a message through a carrier, unless an operator has taken it out. */
  async checkByMessage({ carrier }: CheckPlan): Promise<void> {
    const { health, clock } = this.#options
    const at = clock()
    const notAsked = (error: string): CarrierCheck => {
      return { kind: 'message', at, error, latencyMs: null, isAsked: false }
    }
    const mode = health.modeOf(carrier.name)
    if (mode === 'drained' || mode === 'disabled') {
      this.#tell(carrier, notAsked(`${mode} by the operator`))
      return
    }
    if (!carrier.isUp) {
      this.#tell(carrier, notAsked('no bind is up'))
      return
    }
    const result = await this.#messages.get(carrier.name)?.run(at)
    if (!result || this.#isClosed) return
    const { submit, receipt, latencyMs } = result
    health.noteSubmit(carrier.name, [submit], false)
    if (submit.kind !== 'accepted') {
      const error = failureText(submit)
      const isAsked = submit.kind === 'refused' || submit.kind === 'uncertain'
      this.#tell(carrier, { ...notAsked(error), isAsked })
      return
    }
    if (!receipt) {
      this.#tell(carrier, { ...notAsked('taken, and no receipt came in time'), isAsked: true })
      return
    }
    const { settles, state, rawError } = receipt
    const error =
      settles === 'delivered' ? null : `taken, and then ${state} (${rawError ?? 'no error'})`
    this.#tell(carrier, { kind: 'message', at, error, latencyMs, isAsked: true })
  }

  /** Begins no other look, and waits for those that are under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#stop()
    await Promise.all(this.#running)
  }

  #stop(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    for (const message of this.#messages.values()) message.close()
  }

  #later(plan: CheckPlan, ms: number, look: () => Promise<void>): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      const running = look().finally(() => {
        this.#running.delete(running)
        if (!this.#isClosed && this.#plans.includes(plan)) this.#later(plan, ms, look)
      })
      this.#running.add(running)
    }, ms).unref()
    this.#timers.add(timer)
  }

  #tell({ name }: Carrier, check: CarrierCheck): void {
    if (this.#isClosed) return
    this.#options.health.noteCheck(name, check)
    this.#options.onChecked?.(name, check)
  }
}

function checkMessages(plans: readonly CheckPlan[]): ReadonlyMap<string, CheckMessage> {
  return new Map(
    plans.flatMap(({ carrier, message }) =>
      message ? [[carrier.name, new CheckMessage(carrier, message)] as const] : [],
    ),
  )
}

/** Two carriers of one name are one that has changed. */
function withoutCarrier({ carrier, ...plan }: CheckPlan) {
  return { name: carrier.name, ...plan }
}

function failureText(outcome: Exclude<SegmentOutcome, { kind: 'accepted' }>): string {
  if (outcome.kind === 'throttled') return 'it asks for a slower pace'
  const { kind, reason } = outcome
  if (kind === 'refused') return `it refused: ${reason}`
  return kind === 'uncertain' ? `it did not answer: ${reason}` : `not sent: ${reason}`
}
