import { monthOf, type Volume } from '../billing/volumes.ts'
import type { LiveMessage, MessageChange } from './live.ts'

/**
 * Segments that a message counts more than its row says, in the volume of its tenant; they count as written
 * from then on. Below 0 where it was replaced by a shorter one.
 */
export function takeSegments(live: LiveMessage): number {
  const { message } = live
  if (message.charging === null) return 0
  const more = message.segments - live.countedSegments
  live.countedSegments = message.segments
  return more
}

/** What a message adds to the volume of the month of its acceptance. */
export function volumeOf({ row, moreSegments }: MessageChange): Volume {
  return { tenantId: row.tenantId, month: monthOf(row.createdAt), segments: moreSegments }
}

/** What messages add to the volumes, one for each tenant and month. */
export function volumesOf(changes: readonly MessageChange[]): Volume[] {
  const sums = new Map<string, { -readonly [Key in keyof Volume]: Volume[Key] }>()
  for (const change of changes) {
    if (change.moreSegments === 0) continue
    const volume = volumeOf(change)
    const key = `${volume.month} ${volume.tenantId}`
    const known = sums.get(key)
    if (known) known.segments += volume.segments
    else sums.set(key, volume)
  }
  return [...sums.values()]
}
