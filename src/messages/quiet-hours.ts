import { timeZonesOf } from '../routing/time-zones.ts'

/** The hours, in a country's local time, in which marketing must not be sent. */
export interface QuietRule {
  /** First quiet hour of the evening, 0 to 23. */
  readonly fromHour: number
  /** First hour of the morning that is not quiet, 0 to 23. */
  readonly toHour: number
  /** Days that are quiet as a whole; 0 is Sunday. */
  readonly days: readonly number[]
  /** Public holidays, quiet as a whole: `easter` plus days, or `month-day`. */
  readonly holidays: readonly (number | `${number}-${number}`)[]
  /** Where the rule stands. */
  readonly source: string
}

const NO_DAYS = { days: [], holidays: [] } as const

/**
 * The rules we have a source for. It is data, not legal advice: a country that is missing may have a
 * rule too, states and operators may be stricter, and holidays that follow the moon (EG, JO) or an
 * announcement are not in it.
 */
export const QUIET_RULES: Readonly<Record<string, QuietRule>> = {
  AE: {
    fromHour: 21,
    toHour: 7,
    ...NO_DAYS,
    source: 'https://www.twilio.com/en/guidelines/ae/sms',
  },
  AZ: { fromHour: 22, toHour: 8, ...NO_DAYS, source: 'https://docs.mapp.com/docs/azerbaijan' },
  BR: {
    fromHour: 22,
    toHour: 9,
    days: [0],
    holidays: [],
    source: 'https://www.twilio.com/en/guidelines/br/sms',
  },
  CN: {
    fromHour: 22,
    toHour: 8,
    ...NO_DAYS,
    source: 'Tencent Cloud SMS, error FailedOperation.MarketingSendTimeConstraint',
  },
  CO: { fromHour: 20, toHour: 8, ...NO_DAYS, source: 'https://docs.mapp.com/docs/colombia' },
  EG: {
    fromHour: 21,
    toHour: 9,
    days: [5, 6],
    holidays: [],
    source: 'https://docs.mapp.com/docs/egypt',
  },
  FR: {
    fromHour: 22,
    toHour: 8,
    days: [0],
    // Code du travail, article L3133-1. Numbers are days after Easter Sunday.
    holidays: ['1-1', 1, '5-1', '5-8', 39, 50, '7-14', '8-15', '11-1', '11-11', '12-25'],
    source: 'https://developers.brevo.com/reference/sendtransacsms',
  },
  IN: {
    fromHour: 21,
    toHour: 9,
    ...NO_DAYS,
    source: 'Telecom Commercial Communications Customer Preference Regulations, 2010 (TRAI)',
  },
  JO: {
    fromHour: 21,
    toHour: 8,
    days: [5, 6],
    holidays: [],
    source: 'https://docs.mapp.com/docs/jordan',
  },
  KW: { fromHour: 21, toHour: 9, ...NO_DAYS, source: 'https://docs.mapp.com/docs/kuwait' },
  MY: { fromHour: 23, toHour: 8, ...NO_DAYS, source: 'https://docs.mapp.com/docs/malaysia' },
  SA: { fromHour: 22, toHour: 7, ...NO_DAYS, source: 'https://docs.mapp.com/docs/ksa' },
  US: {
    fromHour: 21,
    toHour: 8,
    ...NO_DAYS,
    source: '47 CFR 64.1200(c)(1); https://www.twilio.com/docs/api/errors/30610',
  },
}

const MINUTE_MS = 60_000
const DAY_MINUTES = 1440
/** Days we look ahead; the longest run of quiet days in the data is three. */
const HORIZON_DAYS = 14

interface LocalTime {
  readonly year: number
  readonly month: number
  readonly day: number
  /** 0 is Sunday. */
  readonly weekday: number
  /** Minutes since midnight on the clock of the wall. */
  readonly minute: number
}

const formatters = new Map<string, Intl.DateTimeFormat>()
/** The last answer for each country: a campaign asks for the same minute thousands of times. */
const lastAnswers = new Map<string, { minute: number; untilMs: number | null }>()

/**
 * When a marketing message to a country may be sent, if not now.
 *
 * A country with several zones is quiet while any of them is: the number does not tell the zone.
 *
 * @param country - ISO 3166-1 alpha-2
 * @returns null when it may be sent at `at`, and for a country without a rule
 */
export function quietUntil(country: string, at: Date): Date | null {
  if (!Object.hasOwn(QUIET_RULES, country)) return null
  const rule = QUIET_RULES[country]
  if (rule === undefined) return null
  const minute = Math.floor(at.getTime() / MINUTE_MS)
  const last = lastAnswers.get(country)
  const untilMs = last?.minute === minute ? last.untilMs : searchOpen(rule, country, minute)
  lastAnswers.set(country, { minute, untilMs })
  return untilMs === null ? null : new Date(untilMs)
}

/** The first minute from `minute` on at which no zone is quiet, in ms; null when it is `minute`. */
function searchOpen(rule: QuietRule, country: string, minute: number): number | null {
  const zones = timeZonesOf(country)
  const horizon = minute + HORIZON_DAYS * DAY_MINUTES
  let candidate = minute
  for (let isOpen = false; !isOpen && candidate < horizon; ) {
    isOpen = true
    for (const zone of zones) {
      const next = openMinute(rule, zone, candidate)
      if (next > candidate) isOpen = false
      candidate = next
    }
  }
  return candidate === minute ? null : candidate * MINUTE_MS
}

/** The minute of a zone's next possible opening; the given one when it is open then. */
function openMinute(rule: QuietRule, zone: string, minute: number): number {
  const local = localTime(zone, minute)
  const target = targetMinute(rule, local)
  if (target === undefined) return minute
  const guess = minute + target - local.minute
  // The clock may be put on or back on the way: then the guess shows another time than was aimed at.
  const shown = localTime(zone, guess)
  const missed = shown.minute - (target % DAY_MINUTES)
  const near = missed > DAY_MINUTES / 2 ? missed - DAY_MINUTES : missed
  return Math.max(minute + 1, guess - near)
}

/** Where on today's clock the quiet time ends, in minutes, 1440 for midnight; undefined: not quiet. */
function targetMinute(rule: QuietRule, local: LocalTime): number | undefined {
  if (rule.days.includes(local.weekday) || isHoliday(rule, local)) return DAY_MINUTES
  if (local.minute < rule.toHour * 60) return rule.toHour * 60
  if (local.minute >= rule.fromHour * 60) return DAY_MINUTES
  return undefined
}

function isHoliday({ holidays }: QuietRule, { year, month, day }: LocalTime): boolean {
  if (holidays.length === 0) return false
  const afterEaster = (Date.UTC(year, month - 1, day) - easterSunday(year)) / 86_400_000
  return holidays.some((each) => each === afterEaster || each === `${month}-${day}`)
}

/**
 * Midnight (UTC) of Easter Sunday in the Gregorian calendar, in milliseconds.
 *
 * @see Meeus, Astronomical Algorithms, chapter 8 (the "anonymous" algorithm of 1876)
 */
function easterSunday(year: number): number {
  const a = year % 19
  const b = Math.floor(year / 100)
  const c = year % 100
  const e = b % 4
  const g = Math.floor((8 * b + 13) / 25)
  const h = (19 * a + b - Math.floor(b / 4) - g + 15) % 30
  const l = (32 + 2 * e + 2 * Math.floor(c / 4) - h - (c % 4)) % 7
  const m = Math.floor((a + 11 * h + 19 * l) / 433)
  const month = Math.floor((h + l - 7 * m + 90) / 25)
  const day = (h + l - 7 * m + 33 * month + 19) % 32
  return Date.UTC(year, month - 1, day)
}

function localTime(zone: string, minute: number): LocalTime {
  let formatter = formatters.get(zone)
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
    })
    formatters.set(zone, formatter)
  }
  const part: Record<string, number> = {}
  for (const { type, value } of formatter.formatToParts(minute * MINUTE_MS)) {
    part[type] = Number(value)
  }
  const { year = 0, month = 0, day = 0, hour = 0 } = part
  const weekday = new Date(Date.UTC(year, month - 1, day)).getUTCDay()
  return { year, month, day, weekday, minute: hour * 60 + (part.minute ?? 0) }
}
