import { monthOf, type Volume } from '../billing/volumes.ts'
import type { MessageChange } from './live.ts'

/** What messages add to the volumes, one for each tenant and month. */
export function volumesOf(changes: readonly MessageChange[]): Volume[] {
  const sums = new Map<string, { -readonly [Key in keyof Volume]: Volume[Key] }>()
  for (const change of changes) {
    const volume = volumeOf(change)
    if (!volume) continue
    const key = `${volume.month} ${volume.tenantId}`
    const known = sums.get(key)
    if (known) known.segments += volume.segments
    else sums.set(key, volume)
  }
  return [...sums.values()]
}

/**
 * What a message adds to the volume of the month of its acceptance, below 0 where it was replaced by a shorter
 * one; undefined: nothing, as it never does where it is not billed.
 */
export function volumeOf({ row, addedSegments }: MessageChange): Volume | undefined {
  if (addedSegments === 0 || row.charging === null) return undefined
  return { tenantId: row.tenantId, month: monthOf(row.createdAt), segments: addedSegments }
}
