import { randomUUID } from 'node:crypto'
import { Agent, request } from 'node:http'
import { PartnerLoad } from './partner-load.ts'
import type { Random } from './random.ts'
import type { Submission, Told } from './records.ts'
import { type TextShape, textOf, tokenOf } from './token.ts'
import { pause } from './waiting.ts'

/** What a {@link Load} is built with. */
export interface LoadOptions {
  readonly httpPort: number
  readonly smppPort: number
  readonly apiKey: string
  readonly partner: { readonly systemId: string; readonly password: string }
  /** Messages a second in all, while the gateway takes them. */
  readonly messagesPerSecond: number
  readonly random: Random
  /** Put into every message of the HTTP API; undefined: none. */
  readonly callbackUrl: string | undefined
  /** Calls that got no answer are made again with the same `Idempotency-Key`. */
  readonly isIdempotent: boolean
  /** Other fields for every message of the HTTP API. */
  readonly fields: Readonly<Record<string, unknown>>
}

interface Answer {
  readonly status: number
  readonly body: string
}

interface AcceptedBody {
  readonly id?: string
  readonly price?: Submission['price']
}

const RECIPIENTS = 100
const SINGLE_WORKERS = 8
const CALL_WITHIN_MS = 30_000
/** Calls are made again for so long. */
const REPEAT_FOR_MS = 60_000
const REST_AFTER_FAILURE_MS = 150

/** The senders: an application with one message a call and with 100 a call, and an SMPP partner. */
export class Load {
  /** Everything that was ever submitted. */
  readonly submissions: Submission[] = []
  /** Refusals by HTTP status or command_status. */
  readonly refusals = new Map<string, number>()
  round = 0
  readonly #options: LoadOptions
  readonly #agent = new Agent({ keepAlive: true, maxSockets: SINGLE_WORKERS + 2 })
  readonly #partner: PartnerLoad
  #isRunning = false
  #workers: Promise<void>[] = []
  #count = 0

  constructor(options: LoadOptions) {
    this.#options = options
    this.#partner = new PartnerLoad({
      port: options.smppPort,
      ...options.partner,
      random: options.random.fork('partner'),
      next: () => this.#next('smpp', 'transactional'),
      onRefused: (status) => this.#refused(`smpp ${status}`),
    })
  }

  /** Receipts that the partner got. */
  get receipts(): readonly Told[] {
    return this.#partner.receipts
  }

  /** Begins to submit and to receive. */
  start(): void {
    this.#isRunning = true
    const { messagesPerSecond: rate } = this.#options
    // 40 % one message a call, 40 % a hundred a call, 20 % over SMPP.
    const singleEveryMs = (SINGLE_WORKERS * 1_000) / (rate * 0.4)
    const bulkEveryMs = (RECIPIENTS * 1_000) / (rate * 0.4)
    this.#workers = [
      ...Array.from({ length: SINGLE_WORKERS }, (_, index) =>
        this.#work(`single ${index}`, singleEveryMs, (random) => this.#callOne(random)),
      ),
      this.#work('bulk', bulkEveryMs, (random) => this.#callMany(random)),
    ]
    this.#partner.start(1_000 / (rate * 0.2))
  }

  /** Submits nothing more; receipts are still taken. Resolves when every call has ended. */
  async stop(): Promise<void> {
    this.#isRunning = false
    this.#partner.stopSubmitting()
    await Promise.all(this.#workers)
  }

  /** Closes every connection. */
  close(): void {
    this.#partner.close()
    this.#agent.destroy()
  }

  async #work(
    name: string,
    everyMs: number,
    call: (random: Random) => Promise<boolean>,
  ): Promise<void> {
    const random = this.#options.random.fork(name)
    let nextMs = Date.now() + random.between(0, everyMs)
    while (this.#isRunning) {
      const waitMs = nextMs - Date.now()
      if (waitMs > 0) await pause(Math.min(waitMs, 1_000))
      if (Date.now() < nextMs) continue
      const isWell = await call(random)
      if (!isWell) await pause(REST_AFTER_FAILURE_MS)
      // What could not be sent while the gateway was down is not caught up with.
      nextMs = Math.max(nextMs + everyMs, Date.now() - everyMs)
    }
  }

  /** @param shared - the token of the call, where many recipients have one text */
  #next(
    via: Submission['via'],
    trafficClass: Submission['trafficClass'],
    shared?: string,
  ): Submission {
    const { random } = this.#options
    const token = shared ?? tokenOf(this.round, this.#count + 1)
    this.#count++
    const digits = String(this.#count % 1_000).padStart(3, '0')
    const submission: Submission = {
      token,
      round: this.round,
      via,
      trafficClass,
      to: random.chance(0.5) ? `+447700900${digits}` : `+86138001380${digits.slice(1)}`,
      atMs: Date.now(),
      outcome: 'pending',
      id: undefined,
      price: undefined,
    }
    this.submissions.push(submission)
    return submission
  }

  async #callOne(random: Random): Promise<boolean> {
    const submission = this.#next('rest', classOf(random))
    const text = textOf(submission.token, shapeOf(random))
    return await this.#call([submission], { to: submission.to, text })
  }

  /** The recipients of one call have one text, so one token; they are told apart by number. */
  async #callMany(random: Random): Promise<boolean> {
    const trafficClass = classOf(random)
    const first = this.#next('bulk', trafficClass)
    const others = Array.from({ length: RECIPIENTS - 1 }, () =>
      this.#next('bulk', trafficClass, first.token),
    )
    const submissions = [first, ...others]
    const text = textOf(first.token, shapeOf(random))
    return await this.#call(submissions, { to: submissions.map(({ to }) => to), text })
  }

  async #call(submissions: readonly Submission[], message: object): Promise<boolean> {
    const { callbackUrl, isIdempotent, fields } = this.#options
    const body = JSON.stringify({
      from: 'Crashlab',
      traffic_class: submissions[0]?.trafficClass,
      ...message,
      ...(callbackUrl === undefined ? {} : { callback_url: callbackUrl }),
      ...fields,
    })
    const headers = isIdempotent ? { 'idempotency-key': randomUUID() } : {}
    const until = Date.now() + REPEAT_FOR_MS
    for (;;) {
      try {
        const answer = await this.#post(body, headers)
        const isRunning = answer.status === 409
        if (isIdempotent && (isRunning || answer.status >= 500) && Date.now() < until) {
          await pause(REST_AFTER_FAILURE_MS)
          continue
        }
        return this.#settle(submissions, answer)
      } catch {
        if (isIdempotent && Date.now() < until) {
          await pause(REST_AFTER_FAILURE_MS)
          continue
        }
        for (const submission of submissions) submission.outcome = 'unanswered'
        return false
      }
    }
  }

  #settle(submissions: readonly Submission[], { status, body }: Answer): boolean {
    if (status !== 202) {
      for (const submission of submissions) submission.outcome = 'refused'
      this.#refused(`http ${status}`)
      return false
    }
    const answer = JSON.parse(body) as AcceptedBody & { messages?: AcceptedBody[] }
    submissions.forEach((submission, index) => {
      const { id, price } = answer.messages ? (answer.messages[index] ?? {}) : answer
      submission.outcome = id === undefined ? 'refused' : 'accepted'
      submission.id = id
      submission.price = price
      if (id === undefined) this.#refused('http 202 with a problem')
    })
    return true
  }

  #refused(reason: string): void {
    this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1)
  }

  /** Resolves when the whole answer has been read: only then is anything accepted. */
  #post(body: string, more: Readonly<Record<string, string>>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const call = request(
        {
          agent: this.#agent,
          host: '127.0.0.1',
          port: this.#options.httpPort,
          method: 'POST',
          path: '/v1/messages',
          timeout: CALL_WITHIN_MS,
          headers: {
            authorization: `Bearer ${this.#options.apiKey}`,
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
            ...more,
          },
        },
        (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => {
            text += chunk
          })
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
          response.on('error', reject)
          response.on('aborted', () => reject(new Error('the answer was cut')))
        },
      )
      call.on('timeout', () => call.destroy(new Error('no answer in time')))
      call.on('error', reject)
      call.end(body)
    })
  }
}

/** Codes are few, and the class for which a test may allow a second submit. */
function classOf(random: Random): Submission['trafficClass'] {
  return random.chance(0.3) ? 'otp' : 'transactional'
}

function shapeOf(random: Random): TextShape {
  const dice = random.next()
  if (dice < 0.75) return 'short'
  if (dice < 0.85) return 'wide'
  return dice < 0.95 ? 'long' : 'wide_long'
}
