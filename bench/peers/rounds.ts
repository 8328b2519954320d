import type { TallyReport } from '../load/message.ts'
import type { Gateway } from './gateway.ts'
import type { Kannel } from './kannel.ts'
import { type CpuTimes, cpuMicros, postgresCpuMicros } from './processes.ts'
import type { Stage } from './stage.ts'

/** The load: connections of the HTTP client. */
export const HTTP_CONNECTIONS = 64
/** Unanswered submits of the partner. */
export const PARTNER_WINDOW = 100
/** A round that stands still for so long is over, and its counts say what is missing. */
const QUIET_MS = 15_000
const COUNTED_AT_ONCE = 100_000

/** What a round must end with for each message. */
export interface RoundPlan {
  readonly name: string
  readonly messages: number
  /** Messages of one call; a divisor of 1,000. */
  readonly recipients: number
  /** What the SMSC takes before a response. */
  readonly latencyMs?: number
  /** A receipt from the SMSC. */
  readonly receipts: boolean
  /** A final callback at the sink. */
  readonly callbacks: boolean
  readonly keepTimes?: boolean
}

/** What a round gives; every message has been proven to have been submitted exactly once. */
export interface RoundFigures {
  /** From the first request to the last answer. */
  readonly acceptedPerSecond: number
  /** From the first request to the last submit. */
  readonly submittedPerSecond: number
  /** From the first request to the last end: callback, receipt, or submit when neither is wanted. */
  readonly endedPerSecond: number
  /** Processor time per message, by process. */
  readonly cpu: CpuTimes
  readonly submits: TallyReport
  readonly meanLatencyMs: number
  /** HTTP requests at the sink per message: those for the states before the end count too. */
  readonly callbacksPerMessage: number
  /** When each message was submitted, in milliseconds since 1970; with `keepTimes`. */
  readonly times: readonly number[]
  readonly callsAtMs: readonly number[]
}

interface Loaded {
  readonly startedAtMs: number
  readonly tookMs: number
  readonly callsAtMs?: readonly number[]
  /** When the sender had its last receipt, where the load itself sees them. */
  readonly endedAtMs?: number
}

/** One round of Kannel's sendsms, one message a call. */
export function kannelRound(
  stage: Stage,
  kannel: Kannel,
  plan: Omit<RoundPlan, 'recipients'>,
): Promise<RoundFigures> {
  const pids = { bearerbox: kannel.bearerbox, smsbox: kannel.smsbox }
  return runRound(stage, { ...plan, recipients: 1 }, { pids, postmaster: kannel.postmaster }, () =>
    stage.load.ask(
      {
        type: 'kannel',
        port: kannel.httpPort,
        messages: plan.messages,
        connections: HTTP_CONNECTIONS,
        username: kannel.username,
        password: kannel.password,
        ...(plan.callbacks && { callbackPort: stage.sinkPort }),
      },
      'loaded',
    ),
  )
}

/** One round of our REST; `callsPerSecond` 0 is as fast as it answers. */
export function restRound(
  stage: Stage,
  gateway: Gateway,
  plan: RoundPlan,
  callsPerSecond = 0,
): Promise<RoundFigures> {
  return runRound(stage, plan, watchedOf(gateway), () =>
    loadRest(stage, gateway, plan, callsPerSecond),
  )
}

/** One round through our SMPP server: accepted, submitted, and the receipt back at the partner. */
export async function partnerRound(
  stage: Stage,
  gateway: Gateway,
  plan: Omit<RoundPlan, 'recipients' | 'callbacks'>,
): Promise<RoundFigures> {
  const { systemId, password, smppPort: port } = gateway
  await stage.partner.ask({ type: 'bind', port, systemId, password }, 'bound')
  const full = { ...plan, recipients: 1, callbacks: false }
  const figures = await runRound(stage, full, watchedOf(gateway), async () => {
    const report = await stage.partner.ask(
      {
        type: 'submit',
        messages: plan.messages,
        window: PARTNER_WINDOW,
        quietMs: QUIET_MS,
      },
      'submitted',
    )
    const { accepted, distinctReceipts, repeatedReceipts, unknownReceipts } = report
    if (
      accepted !== plan.messages ||
      distinctReceipts !== plan.messages ||
      repeatedReceipts + unknownReceipts > 0
    ) {
      throw new Error(
        `${plan.name}: of ${plan.messages} messages ${accepted} were accepted and ` +
          `${distinctReceipts} had a receipt; ${repeatedReceipts} receipts came twice, ` +
          `${unknownReceipts} belong to none`,
      )
    }
    const { startedAtMs, acceptedMs, receiptsMs } = report
    return { startedAtMs, tookMs: acceptedMs, endedAtMs: startedAtMs + receiptsMs }
  })
  await stage.partner.ask({ type: 'close' }, 'closed')
  return figures
}

/** Loads in parts, because a child answers every command within three minutes. */
export async function loadRest(
  stage: Stage,
  gateway: Gateway,
  plan: RoundPlan,
  callsPerSecond: number,
): Promise<Required<Omit<Loaded, 'endedAtMs'>>> {
  const calls = plan.messages / plan.recipients
  const partCalls = callsPerSecond > 0 ? callsPerSecond * 60 : Math.ceil(200_000 / plan.recipients)
  const callsAtMs: number[] = []
  let startedAtMs = 0
  let tookMs = 0
  for (let firstCall = 0; firstCall < calls; firstCall += partCalls) {
    const part = await stage.load.ask(
      {
        type: 'rest',
        port: gateway.httpPort,
        apiKey: gateway.apiKey,
        firstCall,
        messages: Math.min(partCalls, calls - firstCall) * plan.recipients,
        recipients: plan.recipients,
        connections: HTTP_CONNECTIONS,
        callsPerSecond,
        ...(plan.callbacks && { callbackUrl: `http://127.0.0.1:${stage.sinkPort}/told` }),
      },
      'loaded',
    )
    if (firstCall === 0) startedAtMs = part.startedAtMs
    tookMs = part.startedAtMs + part.tookMs - startedAtMs
    for (const at of part.callsAtMs) callsAtMs.push(at)
  }
  return { startedAtMs, tookMs, callsAtMs }
}

/** Begins a round at the SMSC and the sink. */
export async function expectRound(stage: Stage, plan: RoundPlan): Promise<void> {
  const { messages, recipients, latencyMs = 0, keepTimes = false } = plan
  await stage.sink.ask({ type: 'expect', messages, recipients }, 'expecting')
  await stage.smsc.ask({ type: 'expect', messages, recipients, latencyMs, keepTimes }, 'expecting')
}

/** The counts of a round. */
export interface RoundCounts {
  readonly submits: TallyReport
  readonly endedAtMs: number
  readonly meanLatencyMs: number
  readonly callbackRequests: number
  readonly times: readonly number[]
}

/**
 * Waits for the end of a round and proves it: every message submitted exactly once, and one receipt
 * and one final callback for each where they are wanted.
 *
 * @throws {Error} that says what is missing or doubled
 */
export async function proveRound(stage: Stage, plan: RoundPlan): Promise<RoundCounts> {
  const { messages, name } = plan
  // In parts, because a child answers every command within three minutes.
  for (let part = COUNTED_AT_ONCE; part < messages; part += COUNTED_AT_ONCE) {
    const receipts = plan.receipts ? part : 0
    await stage.smsc.ask({ type: 'count', messages: part, receipts, quietMs: QUIET_MS }, 'counted')
    if (!plan.callbacks) continue
    await stage.sink.ask({ type: 'count', messages: part, quietMs: QUIET_MS }, 'counted')
  }
  const receipts = plan.receipts ? messages : 0
  const smsc = await stage.smsc.ask(
    { type: 'count', messages, receipts, quietMs: QUIET_MS },
    'counted',
  )
  const mistakes = faultsOf('submits', smsc.submits, messages)
  if (smsc.receiptsAnswered !== receipts || smsc.receiptsRefused > 0) {
    mistakes.push(
      `${smsc.receiptsAnswered} receipts taken, ${smsc.receiptsRefused} refused, not ${receipts} and 0`,
    )
  }
  let callbackRequests = 0
  let endedAtMs = plan.receipts ? smsc.lastReceiptAtMs : smsc.submits.lastAtMs
  if (plan.callbacks) {
    const sink = await stage.sink.ask({ type: 'count', messages, quietMs: QUIET_MS }, 'counted')
    mistakes.push(...faultsOf('final callbacks', sink.finals, messages))
    endedAtMs = sink.finals.lastAtMs
    callbackRequests = sink.requests
  }
  if (mistakes.length > 0) throw new Error(`${name}, ${messages} messages: ${mistakes.join('; ')}`)
  const { submits, meanLatencyMs, times } = smsc
  return { submits, endedAtMs, meanLatencyMs, callbackRequests, times }
}

function faultsOf(what: string, tally: TallyReport, messages: number): string[] {
  const { distinct, repeated, unknown } = tally
  if (distinct === messages && repeated === 0 && unknown === 0) return []
  return [`${what}: ${distinct} messages, ${repeated} more than once, ${unknown} of no message`]
}

interface Watched {
  readonly pids: Readonly<Record<string, number>>
  readonly postmaster: number | undefined
}

function watchedOf({ pid, postmaster }: Gateway): Watched {
  return { pids: { gateway: pid }, postmaster }
}

async function runRound(
  stage: Stage,
  plan: RoundPlan,
  watched: Watched,
  load: () => Promise<Loaded>,
): Promise<RoundFigures> {
  await expectRound(stage, plan)
  const before = cpuOf(stage, watched)
  const loaded = await load()
  const counts = await proveRound(stage, plan)
  const after = cpuOf(stage, watched)
  const cpu = Object.fromEntries(
    Object.entries(after).map(([name, micros]) => [
      name,
      (micros - (before[name] ?? 0)) / plan.messages,
    ]),
  )
  const perSecond = (atMs: number) => (plan.messages * 1_000) / (atMs - loaded.startedAtMs)
  return {
    acceptedPerSecond: (plan.messages * 1_000) / loaded.tookMs,
    submittedPerSecond: perSecond(counts.submits.lastAtMs),
    endedPerSecond: perSecond(loaded.endedAtMs ?? counts.endedAtMs),
    cpu,
    submits: counts.submits,
    meanLatencyMs: counts.meanLatencyMs,
    callbacksPerMessage: counts.callbackRequests / plan.messages,
    times: counts.times,
    callsAtMs: loaded.callsAtMs ?? [],
  }
}

function cpuOf(stage: Stage, { pids, postmaster }: Watched): CpuTimes {
  const all = { ...pids, ...stage.pids }
  const times: Record<string, number> = {}
  for (const [name, pid] of Object.entries(all)) times[name] = cpuMicros(pid)
  if (postmaster !== undefined) times.postgres = postgresCpuMicros(postmaster)
  return times
}
