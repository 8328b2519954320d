import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** A figure that is read when somebody asks for the metrics. */
export interface ReadOnScrape {
  queueLengths(): readonly { carrier: string; waiting: number; inFlight: number }[]
  binds(): readonly { carrier: string; bind: string; isUp: boolean }[]
  journalPending(): number
  carrierHealth(): readonly { carrier: string; takes: string; breaker: string; mode: string }[]
  partnerBinds(): readonly { systemId: string; bound: number }[]
  openGuards(): readonly { guard: string }[]
  /** True while Redis, which should count them, does not answer. */
  areLimitsFallenBack(): boolean
  /** Undefined: there are no versions. */
  configuration(): { readonly number: number; readonly waiting: readonly string[] } | undefined
  codesUsed(): readonly { carrier: string; delivered: number; converted: number }[]
}

/** The gateway's own metrics next to those of the Node process; Prometheus text format. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #accepted: Counter
  readonly #refused: Counter
  readonly #segments: Tally
  readonly #ended: Tally
  readonly #receipts: Tally
  readonly #failureRules: Tally
  readonly #inbound: Counter
  readonly #erased: Counter
  readonly #guarded: Counter
  readonly #limited: Tally
  readonly #keyFailures: Counter
  readonly #callbacks: Counter
  readonly #bindFailures: Counter
  readonly #requestsRefused: Counter
  readonly #connectionsRefused: Counter
  readonly #commitEntries: Histogram
  readonly #acceptToSubmit: Histogram
  readonly #checkSeconds: Histogram
  readonly #checksFailed: Counter

  constructor() {
    const registers = [this.#registry]
    collectDefaultMetrics({ register: this.#registry })
    this.#accepted = new Counter({
      name: 'linehaul_messages_accepted_total',
      help: 'Messages taken over, by front door.',
      labelNames: ['source'],
      registers,
    })
    this.#refused = new Counter({
      name: 'linehaul_messages_refused_total',
      help: 'Messages refused at intake, by error code.',
      labelNames: ['code'],
      registers,
    })
    this.#segments = new Tally({
      name: 'linehaul_segments_submitted_total',
      help: 'Segments submitted to a carrier, by outcome.',
      labelNames: ['carrier', 'outcome'],
      registers,
    })
    this.#ended = new Tally({
      name: 'linehaul_messages_final_total',
      help: 'Messages that reached a final status.',
      labelNames: ['carrier', 'status'],
      registers,
    })
    this.#receipts = new Tally({
      name: 'linehaul_receipts_total',
      help: 'Receipts from carriers, by normalised state.',
      labelNames: ['carrier', 'state'],
      registers,
    })
    this.#failureRules = new Tally({
      name: 'linehaul_failure_rules_total',
      help: 'Failures that a failure rule has acted on; `default` leaves them to the policies.',
      labelNames: ['rule', 'action'],
      registers,
    })
    this.#inbound = new Counter({
      name: 'linehaul_inbound_messages_total',
      help: 'Messages of handsets by carrier, and whether a route said whose they are.',
      labelNames: ['carrier', 'routed'],
      registers,
    })
    this.#guarded = new Counter({
      name: 'linehaul_guarded_messages_total',
      help: 'Messages that the open breaker of a guard concerned, by what was done with them.',
      labelNames: ['guard', 'action'],
      registers,
    })
    this.#limited = new Tally({
      name: 'linehaul_limited_total',
      help: 'Requests and messages refused because a limit was used up.',
      labelNames: ['scope', 'kind'],
      registers,
    })
    this.#erased = new Counter({
      name: 'linehaul_erased_total',
      help: 'What was erased because it had been kept long enough, by kind.',
      labelNames: ['what'],
      registers,
    })
    this.#keyFailures = new Counter({
      name: 'linehaul_http_unauthorized_total',
      help: 'Requests that were refused because of their key or signature, by reason.',
      labelNames: ['reason'],
      registers,
    })
    this.#callbacks = new Counter({
      name: 'linehaul_provider_callbacks_total',
      help: 'Callbacks of providers over HTTP, by what became of them; without a carrier where there is none of that name.',
      labelNames: ['carrier', 'kind', 'outcome'],
      registers,
    })
    this.#bindFailures = new Counter({
      name: 'linehaul_smpp_bind_failures_total',
      help: 'Binds of partners that were refused, by reason.',
      labelNames: ['reason'],
      registers,
    })
    this.#requestsRefused = new Counter({
      name: 'linehaul_smpp_requests_refused_total',
      help: 'Requests of partners, binds apart, that were not granted, by command and command_status.',
      labelNames: ['command', 'status'],
      registers,
    })
    this.#connectionsRefused = new Counter({
      name: 'linehaul_smpp_connections_refused_total',
      help: 'Connections to the SMPP server that were closed before they could bind, by reason.',
      labelNames: ['reason'],
      registers,
    })
    this.#commitEntries = new Histogram({
      name: 'linehaul_journal_batch_entries',
      help: 'Journal entries per commit.',
      buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000],
      registers,
    })
    this.#acceptToSubmit = new Histogram({
      name: 'linehaul_accept_to_submit_seconds',
      help: 'From acceptance to the journalled intent to submit.',
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30],
      registers,
    })
    this.#checkSeconds = new Histogram({
      name: 'linehaul_carrier_check_seconds',
      help: 'From a check of a carrier to its answer (link), or to the receipt (message).',
      labelNames: ['carrier', 'check'],
      buckets: [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30, 120],
      registers,
    })
    this.#checksFailed = new Counter({
      name: 'linehaul_carrier_checks_failed_total',
      help: 'Checks of a carrier that found it unwell.',
      labelNames: ['carrier', 'check'],
      registers,
    })
  }

  /** Adds the figures that are read on demand. */
  observe(read: ReadOnScrape): void {
    const registers = [this.#registry]
    new Gauge({
      name: 'linehaul_queue_messages',
      help: 'Messages waiting for a carrier.',
      labelNames: ['carrier'],
      registers,
      collect() {
        for (const { carrier, waiting } of read.queueLengths()) this.set({ carrier }, waiting)
      },
    })
    new Gauge({
      name: 'linehaul_in_flight_segments',
      help: 'Segments journalled for a carrier and not answered yet.',
      labelNames: ['carrier'],
      registers,
      collect() {
        for (const { carrier, inFlight } of read.queueLengths()) this.set({ carrier }, inFlight)
      },
    })
    new Gauge({
      name: 'linehaul_config_version',
      help: 'Version of the configuration that holds; 0: there are none.',
      registers,
      collect() {
        this.set(read.configuration()?.number ?? 0)
      },
    })
    new Gauge({
      name: 'linehaul_config_waiting_sections',
      help: 'Sections of that version that count from the next start.',
      registers,
      collect() {
        this.set(read.configuration()?.waiting.length ?? 0)
      },
    })
    new Gauge({
      name: 'linehaul_bind_up',
      help: '1 while the bind is bound.',
      labelNames: ['carrier', 'bind'],
      registers,
      collect() {
        for (const { carrier, bind, isUp } of read.binds())
          this.set({ carrier, bind }, isUp ? 1 : 0)
      },
    })
    new Gauge({
      name: 'linehaul_carrier_takes',
      help: 'What may be routed to a carrier: 0 nothing, 1 everything, 2 probes.',
      labelNames: ['carrier'],
      registers,
      collect() {
        for (const { carrier, takes } of read.carrierHealth()) {
          this.set({ carrier }, ['nothing', 'everything', 'probes'].indexOf(takes))
        }
      },
    })
    new Gauge({
      name: 'linehaul_carrier_breaker',
      help: 'Circuit breaker of a carrier: 0 closed, 1 half-open, 2 open.',
      labelNames: ['carrier'],
      registers,
      collect() {
        for (const { carrier, breaker } of read.carrierHealth()) {
          this.set({ carrier }, ['closed', 'half_open', 'open'].indexOf(breaker))
        }
      },
    })
    new Gauge({
      name: 'linehaul_carrier_mode',
      help: '1 for what the operator has said about a carrier.',
      labelNames: ['carrier', 'mode'],
      registers,
      collect() {
        this.reset()
        for (const { carrier, mode } of read.carrierHealth()) this.set({ carrier, mode }, 1)
      },
    })
    new Gauge({
      name: 'linehaul_partner_sessions',
      help: 'Sessions of partners that are bound.',
      labelNames: ['system_id'],
      registers,
      collect() {
        for (const { systemId, bound } of read.partnerBinds()) {
          this.set({ system_id: systemId }, bound)
        }
      },
    })
    new Gauge({
      name: 'linehaul_guards_open',
      help: 'Open breakers of guards.',
      labelNames: ['guard'],
      registers,
      collect() {
        this.reset()
        for (const { guard } of read.openGuards()) this.inc({ guard })
      },
    })
    new Gauge({
      name: 'linehaul_guard_codes_used_ratio',
      help: 'Share of the codes that a carrier says it has delivered whose use was reported, time-decayed.',
      labelNames: ['carrier'],
      registers,
      collect() {
        this.reset()
        for (const { carrier, delivered, converted } of read.codesUsed()) {
          if (delivered > 0) this.set({ carrier }, Math.min(1, converted / delivered))
        }
      },
    })
    new Gauge({
      name: 'linehaul_limits_fallen_back',
      help: '1 while limits are counted in memory because Redis does not answer.',
      registers,
      collect() {
        this.set(read.areLimitsFallenBack() ? 1 : 0)
      },
    })
    new Gauge({
      name: 'linehaul_journal_pending_entries',
      help: 'Journal entries waiting for a commit.',
      registers,
      collect() {
        this.set(read.journalPending())
      },
    })
  }

  accepted(source: string): void {
    this.#accepted.inc({ source })
  }

  refused(code: string): void {
    this.#refused.inc({ code })
  }

  segment(carrier: string, outcome: string): void {
    this.#segments.add(carrier, outcome)
  }

  ended(carrier: string, status: string): void {
    this.#ended.add(carrier, status)
  }

  receipt(carrier: string, state: string): void {
    this.#receipts.add(carrier, state)
  }

  failureRule(rule: string, action: string): void {
    this.#failureRules.add(rule, action)
  }

  inbound(carrier: string, isRouted: boolean): void {
    this.#inbound.inc({ carrier, routed: String(isRouted) })
  }

  guarded(guard: string, action: string): void {
    this.#guarded.inc({ guard, action })
  }

  limited(scope: string, kind: string): void {
    this.#limited.add(scope, kind)
  }

  /** @param seconds - null: it found the carrier unwell */
  checked(carrier: string, check: string, seconds: number | null): void {
    if (seconds === null) this.#checksFailed.inc({ carrier, check })
    else this.#checkSeconds.observe({ carrier, check }, seconds)
  }

  erased(what: string, count: number): void {
    this.#erased.inc({ what }, count)
  }

  keyRefused(reason: string): void {
    this.#keyFailures.inc({ reason })
  }

  callback(carrier: string, kind: string, outcome: string): void {
    this.#callbacks.inc({ carrier, kind, outcome })
  }

  bindRefused(reason: string): void {
    this.#bindFailures.inc({ reason })
  }

  /** @param command - undefined: one that is not known */
  requestRefused(command: string | undefined, status: string): void {
    this.#requestsRefused.inc({ command: command ?? 'unknown', status })
  }

  connectionRefused(reason: string): void {
    this.#connectionsRefused.inc({ reason })
  }

  committed(entries: number): void {
    this.#commitEntries.observe(entries)
  }

  submitted(secondsSinceAcceptance: number): void {
    this.#acceptToSubmit.observe(secondsSinceAcceptance)
  }

  /** The text for Prometheus, and its content type. */
  async render(): Promise<{ text: string; contentType: string }> {
    return { text: await this.#registry.metrics(), contentType: this.#registry.contentType }
  }
}

interface TallyOptions {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly [string, string]
  readonly registers: Registry[]
}

/**
 * A counter of what happens to every message. Its own map is a tenth of the cost of prom-client's
 * labels, which become a text for each count; prom-client learns the figures when they are read.
 */
class Tally {
  readonly #counts = new Map<string, Map<string, number>>()

  constructor({ labelNames, ...options }: TallyOptions) {
    const [first, second] = labelNames
    const counts = this.#counts
    new Counter({
      ...options,
      labelNames,
      collect() {
        this.reset()
        for (const [outer, inner] of counts) {
          for (const [value, count] of inner) this.inc({ [first]: outer, [second]: value }, count)
        }
      },
    })
  }

  /** Counts one, under the values of the two labels. */
  add(first: string, second: string): void {
    const known = this.#counts.get(first)
    if (known) known.set(second, (known.get(second) ?? 0) + 1)
    else this.#counts.set(first, new Map([[second, 1]]))
  }
}
