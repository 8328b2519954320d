/** China has one zone and no daylight saving time. */
const OFFSET_MS = 8 * 3_600_000

/** An instant on a clock in Beijing, as `20240520163000`. */
export function beijingDigits(at: Date): string {
  return new Date(at.getTime() + OFFSET_MS).toISOString().replaceAll(/\D/g, '').slice(0, 14)
}

/** An instant on a clock in Beijing, as `2024-05-20 16:30:00`. */
export function beijingText(at: Date): string {
  return new Date(at.getTime() + OFFSET_MS).toISOString().slice(0, 19).replace('T', ' ')
}

const FORMS = [
  /^(?<y>\d{4})-(?<m>\d\d)-(?<d>\d\d)[ T](?<h>\d\d):(?<i>\d\d)(?::(?<s>\d\d))?$/,
  /^(?<y>\d{4})(?<m>\d\d)(?<d>\d\d)(?<h>\d\d)(?<i>\d\d)(?<s>\d\d)$/,
  /^(?<y>\d\d)(?<m>\d\d)(?<d>\d\d)(?<h>\d\d)(?<i>\d\d)(?<s>\d\d)$/,
  /^(?<y>\d\d)(?<m>\d\d)(?<d>\d\d)(?<h>\d\d)(?<i>\d\d)$/,
]

/**
 * The instant of a time on a clock in Beijing: `2024-05-20 16:30:00`, `20240520163000`, `240520163000`
 * or `2405201630`; null for anything else, and for no date of the calendar.
 */
export function parseBeijing(text: string): Date | null {
  const groups = FORMS.map((form) => form.exec(text)?.groups).find((found) => found !== undefined)
  if (!groups) return null
  const { y = '', m, d, h, i, s = '00' } = groups
  const year = y.length === 2 ? `20${y}` : y
  const local = new Date(`${year}-${m}-${d}T${h}:${i}:${s}Z`)
  // `2024-02-30` would be the first of March.
  if (Number.isNaN(local.getTime()) || local.getUTCDate() !== Number(d)) return null
  return new Date(local.getTime() - OFFSET_MS)
}
