/** Words that a time may be written as, beside patterns. */
const FORMS = ['unix', 'unix_ms', 'iso']

const LETTERS = /yyyy|yy|MM|dd|HH|mm|ss|SSS|[A-Za-z]+/g
const DIGITS: Readonly<Record<string, string>> = {
  yyyy: '(?<yyyy>\\d{4})',
  yy: '(?<yy>\\d\\d)',
  MM: '(?<MM>\\d\\d)',
  dd: '(?<dd>\\d\\d)',
  HH: '(?<HH>\\d\\d)',
  mm: '(?<mm>\\d\\d)',
  ss: '(?<ss>\\d\\d)',
  SSS: '(?<SSS>\\d{3})',
}

/** What is wrong with the form of a time, as what would be right; undefined: nothing. */
export function timeFormMistake(form: string): string | undefined {
  if (FORMS.includes(form)) return undefined
  const parts = form.match(LETTERS) ?? []
  const isPattern = parts.length > 0 && parts.every((part) => Object.hasOwn(DIGITS, part))
  if (isPattern && new Set(parts).size === parts.length) return undefined
  return 'unix, unix_ms, iso, or a pattern of yyyy, yy, MM, dd, HH, mm, ss and SSS such as "yyyy-MM-dd HH:mm:ss"'
}

/** An instant in a form, on a clock of a zone. */
export function writtenTime(at: Date, form: string, zone: string): string {
  if (form === 'unix') return String(Math.floor(at.getTime() / 1_000))
  if (form === 'unix_ms') return String(at.getTime())
  if (form === 'iso') return at.toISOString()
  // The clock of the zone, as if it were UTC.
  const digits = new Date(at.getTime() + offsetMs(at.getTime(), zone)).toISOString()
  const [yyyy, MM, dd, HH, mm, ss, SSS] = digits.match(/\d+/g) ?? []
  const parts: Record<string, string | undefined> = { yyyy, MM, dd, HH, mm, ss, SSS }
  parts.yy = yyyy?.slice(2)
  return form.replace(LETTERS, (part) => parts[part] ?? part)
}

/** The instant of a written time; null for what is no time of that form, or of no calendar. */
export function readTime(text: string, form: string, zone: string): Date | null {
  if (form === 'unix' || form === 'unix_ms') {
    if (!/^\d{1,14}$/.test(text)) return null
    return new Date(Number(text) * (form === 'unix' ? 1_000 : 1))
  }
  if (form === 'iso') {
    const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) ? new Date(text) : null
    return at === null || Number.isNaN(at.getTime()) ? null : at
  }
  const groups = readerOf(form).exec(text)?.groups
  if (!groups) return null
  const { yyyy = `20${groups.yy ?? '00'}`, MM = '01', dd = '01' } = groups
  const { HH = '00', mm = '00', ss = '00', SSS = '000' } = groups
  const local = new Date(`${yyyy}-${MM}-${dd}T${HH}:${mm}:${ss}.${SSS}Z`)
  // `2024-02-30` would be the first of March.
  if (Number.isNaN(local.getTime()) || local.getUTCDate() !== Number(dd)) return null
  const guess = local.getTime() - offsetMs(local.getTime(), zone)
  // Near a change of the clock the offset is that of the instant, not of the clock.
  return new Date(local.getTime() - offsetMs(guess, zone))
}

function readerOf(form: string): RegExp {
  const pieces = form.split(/(yyyy|yy|MM|dd|HH|mm|ss|SSS)/)
  const source = pieces.map((piece) => {
    return DIGITS[piece] ?? piece.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&')
  })
  return new RegExp(`^${source.join('')}$`)
}

/** How far the clock of a zone is ahead of UTC at an instant. */
function offsetMs(atMs: number, zone: string): number {
  if (zone === 'UTC') return 0
  const parts = clockOf(zone).formatToParts(atMs)
  const part = (type: Intl.DateTimeFormatPartTypes) =>
    Number(parts.find((each) => each.type === type)?.value)
  const clock = Date.UTC(
    part('year'),
    part('month') - 1,
    part('day'),
    part('hour'),
    part('minute'),
    part('second'),
  )
  return clock - Math.floor(atMs / 1_000) * 1_000
}

/** Making one takes longer than using it. */
const clocks = new Map<string, Intl.DateTimeFormat>()

function clockOf(zone: string): Intl.DateTimeFormat {
  let clock = clocks.get(zone)
  if (!clock) {
    clock = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    clocks.set(zone, clock)
  }
  return clock
}
