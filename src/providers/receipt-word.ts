import { ownEntry } from './own-entry.ts'
import type { ProviderReceipt } from './provider.ts'

const STATUSES: Readonly<Record<string, ProviderReceipt['status']>> = {
  DELIVRD: 'delivered',
  DELIVERED: 'delivered',
  ACCEPTD: 'pending',
  ENROUTE: 'pending',
}

/** What the word of a network in a receipt says: `DELIVRD`, `UNDELIV`, or a platform's own code of a failure. */
export function statusOfWord(word: string): ProviderReceipt['status'] {
  return ownEntry(STATUSES, word) ?? 'failed'
}
