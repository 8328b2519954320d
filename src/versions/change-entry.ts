import { documentDiff, type ValueChange } from '../config/document-diff.ts'
import { SecretMasks } from '../config/masking.ts'
import { writtenValues } from '../config/written.ts'
import type { ConfigChange } from './configuration.ts'
import type { StoredVersion, VersionRecord } from './version-store.ts'

/** Paths that are named one by one. */
const MAX_CHANGES = 200

/** What the audit log says of a configuration that has come to hold; secrets are masked in it. */
export function changeEntry({ version, changes, applied, waiting }: ConfigChange) {
  return { ...versionEntry(version, changes), applied, waits_for_start: waiting }
}

/** The same of one that a start has found in the file. */
export function startEntry(before: StoredVersion | undefined, found: StoredVersion) {
  if (!before) return versionEntry(found, [])
  const masks = new SecretMasks()
  const masked = ({ text }: StoredVersion) => masks.masked(writtenValues(text))
  return versionEntry(found, documentDiff(masked(before), masked(found)))
}

function versionEntry(
  { number, source, rolledBackTo }: VersionRecord,
  changes: readonly ValueChange[],
) {
  return {
    version: number,
    source,
    rolled_back_to: rolledBackTo,
    change_count: changes.length,
    changes: changes.slice(0, MAX_CHANGES),
  }
}
