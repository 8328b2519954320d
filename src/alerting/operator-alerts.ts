import type { AlertsConfig, AlertWay } from '../config/alerts.ts'
import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import { newId } from '../core/id.ts'
import type { Logger } from '../core/logger.ts'
import { mailSender } from './alert-mail.ts'
import { AlertThrottle, type Told } from './alert-throttle.ts'
import { alertWebhook } from './alert-webhook.ts'

/** What an operator is told. */
export interface OperatorAlert {
  /** What has happened: `alert.failure_rule`, for one. */
  readonly type: string
  /** What is limited to one in a minute; a name that says more than the type. */
  readonly kind: string
  /** One line. */
  readonly title: string
  /** Flat, in the words of the API; never a text or a number of a message. */
  readonly data: Readonly<Record<string, string | number | null>>
  /** Absent: every way. */
  readonly ways?: readonly AlertWay[]
}

/** What {@link OperatorAlerts} are built with. */
export interface OperatorAlertsOptions {
  readonly config: Pick<AlertsConfig, 'webhook' | 'mail'>
  /** The gateway's version, for `User-Agent`. */
  readonly version: string
  readonly logger: Logger
  readonly clock: Clock
  /** Waits before another try, in milliseconds. */
  readonly retryMs?: readonly number[]
}

const RETRY_MS = [2_000, 10_000, 60_000]

/** Looks so often for what was left out. */
const LOOK_EVERY_MS = 1_000

/** Alerts that may be under way to one address; those beyond are only logged. */
const MAX_UNDER_WAY = 100

/** One way to the operator. */
interface Way {
  readonly name: AlertWay
  readonly send: (told: Told<OperatorAlert>, id: string, at: Date) => Promise<void>
  readonly close: () => Promise<void>
  underWay: number
}

/** Tells the operator by webhook and mail, one alert of a kind in a minute. */
export class OperatorAlerts {
  readonly #throttle = new AlertThrottle<OperatorAlert>()
  #ways: readonly Way[]
  readonly #version: string
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #retryMs: readonly number[]
  readonly #timers = new Map<NodeJS.Timeout, () => void>()
  readonly #working = new Set<Promise<void>>()
  /** What ends of ways that are not used any more. */
  #leaving: Promise<unknown> = Promise.resolve()
  #looking: NodeJS.Timeout | undefined
  #isClosed = false

  constructor({ config, version, logger, clock, retryMs = RETRY_MS }: OperatorAlertsOptions) {
    this.#version = version
    this.#ways = waysOf(config, version)
    this.#logger = logger
    this.#clock = clock
    this.#retryMs = retryMs
  }

  /**
   * Gets other addresses ready; what it gives tells alerts there. Those under way go on to the addresses before.
   *
   * @throws {GatewayError} `webhook_url_invalid`
   */
  prepare(config: OperatorAlertsOptions['config']): () => void {
    const ways = waysOf(config, this.#version)
    return () => {
      const before = this.#ways
      const underWay = [...this.#working]
      this.#ways = ways
      this.#leaving = Promise.all([this.#leaving, ...underWay]).then(() =>
        closeAll(before).catch((error: unknown) => {
          this.#logger.error({ error: messageOf(error) }, 'an address of alerts could not be left')
        }),
      )
    }
  }

  /** Tells the operator, now or with those that are left out. */
  raise(alert: OperatorAlert): void {
    if (this.#isClosed) return
    const told = this.#throttle.take(alert.kind, alert, this.#clock())
    if (told) this.#tell(told)
    this.#looking ??= setInterval(() => {
      for (const late of this.#throttle.due(this.#clock())) this.#tell(late)
    }, LOOK_EVERY_MS).unref()
  }

  /** Tries nothing again; waits for what is under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#looking)
    for (const [timer, wake] of this.#timers) {
      clearTimeout(timer)
      wake()
    }
    await Promise.all([...this.#working, this.#leaving])
    await closeAll(this.#ways)
  }

  #tell(told: Told<OperatorAlert>): void {
    const { type, title, data, ways } = told.alert
    this.#logger.warn({ type, ...data, leftOut: told.leftOut }, title)
    const id = `alert_${newId()}`
    for (const way of this.#ways) {
      if (ways && !ways.includes(way.name)) continue
      if (way.underWay >= MAX_UNDER_WAY) {
        this.#logger.error({ way: way.name, type }, 'too many alerts are under way: not sent')
        continue
      }
      way.underWay++
      const work = this.#send(way, told, id).finally(() => {
        way.underWay--
        this.#working.delete(work)
      })
      this.#working.add(work)
    }
  }

  async #send(way: Way, told: Told<OperatorAlert>, id: string): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        await way.send(told, id, this.#clock())
        return
      } catch (error) {
        const waitMs = this.#isClosed ? undefined : this.#retryMs[tries]
        const isLast = waitMs === undefined
        this.#logger.error(
          { way: way.name, tries: tries + 1, isLast, error: messageOf(error) },
          'an alert could not be sent',
        )
        if (isLast) return
        await this.#elapsed(waitMs)
      }
    }
  }

  #elapsed(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#timers.delete(timer)
        resolve()
      }, waitMs).unref()
      this.#timers.set(timer, resolve)
    })
  }
}

async function closeAll(ways: readonly Way[]): Promise<void> {
  await Promise.all(ways.map((way) => way.close()))
}

function waysOf({ webhook, mail }: OperatorAlertsOptions['config'], version: string): Way[] {
  const ways: Way[] = []
  if (webhook) {
    const { post, close } = alertWebhook(webhook, version)
    const send: Way['send'] = (told, id, at) => post(id, at, bodyOf(told, at))
    ways.push({ name: 'webhook', send, close, underWay: 0 })
  }
  if (mail) {
    const sendMail = mailSender(mail)
    ways.push({
      name: 'mail',
      send: (told) => sendMail(`[Linehaul] ${told.alert.title}`, textOf(told)),
      close: () => Promise.resolve(),
      underWay: 0,
    })
  }
  return ways
}

function bodyOf({ alert: { type, title, data }, leftOut }: Told<OperatorAlert>, at: Date): string {
  const timestamp = at.toISOString()
  return JSON.stringify({ type, timestamp, data: { title, ...data, left_out: leftOut } })
}

function textOf({ alert: { title, data }, leftOut }: Told<OperatorAlert>): string {
  const lines = Object.entries(data).map(([name, value]) => `${name}: ${value ?? 'none'}`)
  return `${title}\n\n${lines.join('\n')}\nleft_out: ${leftOut}\n`
}
