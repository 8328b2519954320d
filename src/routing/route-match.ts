import type { Channel } from '../core/channel.ts'
import type { TrafficClass } from '../core/policy.ts'
import type { Region, RouteMatch, TimeWindow } from '../core/route-rule.ts'

/** What a route is chosen by. */
export interface RouteSubject {
  readonly tenant: string
  /** The sender id as it will be shown. */
  readonly from: string
  readonly channel: Channel
  /** E.164 without `+`; empty for what goes to no number. */
  readonly digits: string
  readonly country: string
  readonly region: Region
  /** MCC and MNC; null where it is not known. */
  readonly network: string | null
  readonly trafficClass: TrafficClass
  readonly tags: readonly string[]
  readonly text: string
  readonly atMs: number
}

/** True where the whole match fits; the index has looked at part of it already. */
export function fits(match: CompiledMatch, subject: RouteSubject): boolean {
  return (
    (match.tenants === undefined || match.tenants.has(subject.tenant)) &&
    (match.trafficClasses === undefined || match.trafficClasses.has(subject.trafficClass)) &&
    (match.channels === undefined || match.channels.has(subject.channel)) &&
    (match.countries === undefined || match.countries.has(subject.country)) &&
    (match.regions === undefined || match.regions.has(subject.region)) &&
    (match.networks === undefined || fitsNetwork(match.networks, subject.network)) &&
    (match.prefixes === undefined || fitsPrefix(match.prefixes, subject.digits)) &&
    (match.tags === undefined || hasOneOf(match.tags, subject.tags)) &&
    (match.senders === undefined || fitsSender(match.senders, subject.from)) &&
    (match.hours === undefined || fitsHours(match.hours, subject.atMs)) &&
    (match.content === undefined || match.content.test(subject.text))
  )
}

/** A {@link RouteMatch} as sets. */
export interface CompiledMatch {
  readonly tenants: ReadonlySet<string> | undefined
  readonly channels: ReadonlySet<string> | undefined
  readonly senders: SenderPatterns | undefined
  readonly prefixes: readonly string[] | undefined
  readonly countries: ReadonlySet<string> | undefined
  readonly regions: ReadonlySet<string> | undefined
  readonly networks: ReadonlySet<string> | undefined
  readonly trafficClasses: ReadonlySet<string> | undefined
  readonly tags: ReadonlySet<string> | undefined
  readonly content: RegExp | undefined
  readonly hours: CompiledWindow | undefined
}

interface SenderPatterns {
  readonly exact: ReadonlySet<string>
  readonly beginnings: readonly string[]
}

interface CompiledWindow extends TimeWindow {
  readonly format: Intl.DateTimeFormat
  /** The minute since 1970 that {@link isOpen} is of. */
  knownFor: number
  isOpen: boolean
}

/** Prepares a match for {@link fits}. */
export function compileMatch(match: RouteMatch): CompiledMatch {
  const { senders, hours } = match
  return {
    tenants: setOf(match.tenants),
    channels: setOf(match.channels),
    senders: senders && senders.length > 0 ? senderPatterns(senders) : undefined,
    prefixes: match.prefixes && match.prefixes.length > 0 ? match.prefixes : undefined,
    countries: setOf(match.countries),
    regions: setOf(match.regions),
    networks: setOf(match.networks),
    trafficClasses: setOf(match.trafficClasses),
    tags: setOf(match.tags),
    content: match.content,
    hours: hours && {
      ...hours,
      format: clockFormat(hours.timeZone),
      knownFor: Number.NaN,
      isOpen: false,
    },
  }
}

function setOf(values: readonly string[] | undefined): ReadonlySet<string> | undefined {
  return values && values.length > 0 ? new Set(values) : undefined
}

function senderPatterns(senders: readonly string[]): SenderPatterns {
  const isOpen = (sender: string) => sender.endsWith('*')
  return {
    exact: new Set(senders.filter((sender) => !isOpen(sender))),
    beginnings: senders.filter(isOpen).map((sender) => sender.slice(0, -1)),
  }
}

function hasOneOf(wanted: ReadonlySet<string>, tags: readonly string[]): boolean {
  for (const tag of tags) if (wanted.has(tag)) return true
  return false
}

function fitsSender({ exact, beginnings }: SenderPatterns, from: string): boolean {
  if (exact.has(from)) return true
  for (const beginning of beginnings) if (from.startsWith(beginning)) return true
  return false
}

const MCC_DIGITS = 3

function fitsNetwork(networks: ReadonlySet<string>, network: string | null): boolean {
  if (network === null) return false
  return networks.has(network) || networks.has(network.slice(0, MCC_DIGITS))
}

function fitsPrefix(prefixes: readonly string[], digits: string): boolean {
  for (const prefix of prefixes) if (digits.startsWith(prefix)) return true
  return false
}

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
const DAYS = WEEKDAYS.length

function clockFormat(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-GB', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
}

const MINUTE_MS = 60_000

/** Looked at once a minute: a clock of another zone costs more than all else in a match. */
function fitsHours(window: CompiledWindow, atMs: number): boolean {
  const minute = Math.floor(atMs / MINUTE_MS)
  if (window.knownFor !== minute) {
    window.knownFor = minute
    window.isOpen = isOpenAt(window, atMs)
  }
  return window.isOpen
}

function isOpenAt({ days, fromMinute, toMinute, format }: CompiledWindow, atMs: number): boolean {
  const parts = format.formatToParts(atMs)
  const read = (type: string) => parts.find((part) => part.type === type)?.value ?? ''
  const minute = Number(read('hour')) * 60 + Number(read('minute'))
  const today = WEEKDAYS.indexOf(read('weekday')) + 1
  if (fromMinute <= toMinute) {
    return minute >= fromMinute && minute < toMinute && isOn(days, today)
  }
  // Over midnight: its second part belongs to the day on which it began.
  if (minute >= fromMinute) return isOn(days, today)
  return minute < toMinute && isOn(days, today === 1 ? DAYS : today - 1)
}

function isOn(days: readonly number[], day: number): boolean {
  return days.length === 0 || days.includes(day)
}
