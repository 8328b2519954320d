import { type ApiAccess, type ApiProblem, callApi } from './api-call.ts'

/** How a command speaks to the gateway and to its caller. */
export interface CarrierCommand extends ApiAccess {
  /** Answers go out as JSON, one document. */
  readonly isJson: boolean
  readonly say: (line: string) => void
  readonly complain: (line: string) => void
}

/** What can be done to a carrier. */
export const CARRIER_ORDERS = ['enable', 'drain', 'disable', 'force'] as const

interface Figures {
  readonly success: number
  readonly lower: number
  readonly upper: number
  readonly messages: number
  readonly unanswered: number | null
  readonly throttled: number | null
  readonly latency_seconds: number | null
}

interface Check {
  readonly ok: boolean
  readonly latency_ms: number | null
  readonly error: string | null
}

interface ShownCarrier {
  readonly name: string
  readonly waiting: number
  readonly health: {
    readonly takes: string
    readonly mode: string
    readonly reason: string
    readonly check: Check | null
    readonly message_check: Check | null
  }
  readonly quality: Figures
}

interface Cell extends Figures {
  readonly country: string | null
  readonly network: string | null
  readonly traffic_class: string | null
}

interface Change {
  readonly at: string
  readonly kind: string
  readonly from: string
  readonly to: string
  readonly cause: string
}

/** Prints every carrier, or one, with its health; false when that did not work. */
export async function listCarriers(command: CarrierCommand, name?: string): Promise<boolean> {
  const answer = await call<{ carriers: ShownCarrier[] } & ShownCarrier>(
    command,
    'GET',
    name === undefined ? '/v1/carriers' : pathOf(name),
  )
  if (!answer) return false
  if (command.isJson) command.say(JSON.stringify(answer))
  else for (const each of answer.carriers ?? [answer]) command.say(carrierLine(each))
  return true
}

/** Prints how a carrier does by country, network and class; false when that did not work. */
export async function showQuality(command: CarrierCommand, name: string): Promise<boolean> {
  const answer = await call<{ quality: Cell[] }>(command, 'GET', `${pathOf(name)}/quality`)
  if (!answer) return false
  const { say, isJson } = command
  if (isJson) say(JSON.stringify(answer))
  else if (answer.quality.length === 0) say('nothing is known of it yet')
  else {
    for (const { country, network, traffic_class: kind, ...figures } of answer.quality) {
      const cell = [country ?? 'everywhere', network ?? '-', kind ?? '-']
      say(`${cell.map((part) => part.padEnd(14)).join('')}${figuresText(figures)}`)
    }
  }
  return true
}

/** Prints how the health of a carrier has changed, newest first; false when that did not work. */
export async function showHistory(
  command: CarrierCommand,
  name: string,
  limit: number,
): Promise<boolean> {
  const path = `${pathOf(name)}/history?limit=${limit}`
  const answer = await call<{ changes: Change[] }>(command, 'GET', path)
  if (!answer) return false
  const { say, isJson } = command
  if (isJson) say(JSON.stringify(answer))
  else if (answer.changes.length === 0) say('nothing has changed yet')
  else {
    for (const { at, kind, from, to, cause } of answer.changes) {
      say(`${at}  ${kind.padEnd(10)}  ${`${from} -> ${to}`.padEnd(20)}  ${cause}`)
    }
  }
  return true
}

/** Drains, disables, enables or forces a carrier; false when that did not work. */
export async function orderCarrier(
  command: CarrierCommand,
  order: (typeof CARRIER_ORDERS)[number],
  name: string,
  reason: string,
): Promise<boolean> {
  const answer = await call<ShownCarrier>(command, 'POST', `${pathOf(name)}/${order}`, { reason })
  if (!answer) return false
  command.say(command.isJson ? JSON.stringify(answer) : carrierLine(answer))
  return true
}

async function call<Answer extends object>(
  command: CarrierCommand,
  method: string,
  path: string,
  body?: object,
): Promise<Answer | undefined> {
  const answer: Answer & ApiProblem = await callApi(command, method, path, body)
  if (answer.code === undefined) return answer
  command.complain(`refused (${answer.code}): ${answer.detail}`)
  return undefined
}

function pathOf(name: string): string {
  return `/v1/carriers/${encodeURIComponent(name)}`
}

function carrierLine({ name, waiting, health, quality }: ShownCarrier): string {
  const columns = [
    name.padEnd(20),
    health.takes.padEnd(10),
    health.mode.padEnd(8),
    `${waiting} waiting`.padEnd(16),
    figuresText(quality),
    health.reason,
    ...checkText('check', health.check),
    ...checkText('check message', health.message_check),
  ]
  return columns.join('  ')
}

function checkText(name: string, check: Check | null): string[] {
  if (check === null) return []
  return [check.ok ? `${name} ${check.latency_ms} ms` : `${name} failed: ${check.error}`]
}

function figuresText(figures: Figures): string {
  const { success, lower, upper, messages, unanswered, throttled } = figures
  const latency = figures.latency_seconds
  return [
    `${percent(success)} delivered (${percent(lower)} to ${percent(upper)})`,
    `of ${Math.round(messages)}`,
    ...(unanswered ? [`${percent(unanswered)} unanswered`] : []),
    ...(throttled ? [`${percent(throttled)} throttled`] : []),
    ...(latency === null ? [] : [`receipt after ${latency} s`]),
  ].join(', ')
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
