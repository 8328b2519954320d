/** An instant to the second, as `2024-05-20T08:30:00Z`. */
export function utcText(at: Date): string {
  return `${at.toISOString().slice(0, 19)}Z`
}

/** The instant of a text with its zone, `2024-05-20T08:30:00Z`; null for anything else. */
export function parseUtc(text: string): Date | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$/.test(text)) return null
  const at = new Date(text)
  return Number.isNaN(at.getTime()) ? null : at
}
