/** An alert that goes out, and how many like it have not since the one before. */
export interface Told<Alert> {
  readonly alert: Alert
  readonly leftOut: number
}

/** At most one alert of a kind in this time. */
const WINDOW_MS = 60_000

interface Kind<Alert> {
  sentAtMs: number
  leftOut: number
  latest: Alert
}

/**
 * Lets one alert of a kind through in a minute and counts the others; the last of them goes out, with
 * their number, when the minute is over.
 */
export class AlertThrottle<Alert> {
  readonly #kinds = new Map<string, Kind<Alert>>()

  /** Gives the alert if it may go out now. */
  take(kind: string, alert: Alert, now: Date): Told<Alert> | undefined {
    const known = this.#kinds.get(kind)
    if (known && now.getTime() - known.sentAtMs < WINDOW_MS) {
      known.leftOut++
      known.latest = alert
      return undefined
    }
    this.#kinds.set(kind, { sentAtMs: now.getTime(), leftOut: 0, latest: alert })
    return { alert, leftOut: known?.leftOut ?? 0 }
  }

  /** The alerts that were left out and may go out now, one of each kind. */
  due(now: Date): Told<Alert>[] {
    const due: Told<Alert>[] = []
    for (const [kind, one] of this.#kinds) {
      if (now.getTime() - one.sentAtMs < WINDOW_MS) continue
      if (one.leftOut === 0) {
        this.#kinds.delete(kind)
        continue
      }
      // It stands for the others, and is none of those left out.
      due.push({ alert: one.latest, leftOut: one.leftOut - 1 })
      one.sentAtMs = now.getTime()
      one.leftOut = 0
    }
    return due
  }
}
