import type { InboundPart } from '../carriers/carrier.ts'
import { newId } from '../core/id.ts'
import { concatKey, readUserData } from '../encoding/reassembly.ts'

/** A part that has come. */
export interface Arrival {
  readonly part: InboundPart
  readonly at: Date
}

/** A part in its place. */
export interface PlacedPart extends Arrival {
  /** 1 to the total of its group. */
  readonly sequence: number
}

/** A long message that parts have come of. */
export interface PartGroup {
  readonly id: string
  readonly key: string
  readonly total: number
  readonly parts: readonly PlacedPart[]
  /** When it became whole or was given up; null: it waits for more. */
  readonly doneAt: Date | null
}

/** A message as far as it has come: whole, or given up. */
export interface JoinedParts {
  /** In the order of the text. */
  readonly parts: readonly PlacedPart[]
  readonly total: number
}

/** What arrivals lead to. */
export interface Joining {
  /** Messages to be handed on, in the order in which their last parts have come. */
  readonly joined: readonly JoinedParts[]
  /** Parts to be stored. */
  readonly fresh: readonly { readonly group: PartGroup; readonly part: PlacedPart }[]
  /** Ids of stored groups that are whole now. */
  readonly done: readonly string[]
  /** Ids of stored groups that nobody needs any more. */
  readonly gone: readonly string[]
}

/** What the parts of a long message have in common; undefined for a message of one part. */
export function keyOf(part: InboundPart): string | undefined {
  const concat = placeOf(part)
  // PostgreSQL stores no U+0000 in a text.
  return (
    concat && `${part.carrier}\n${concatKey(part.from, part.to, concat).replaceAll('\0', '\n')}`
  )
}

function placeOf({ esmClass, octets, tlvs }: InboundPart) {
  const { concat } = readUserData(esmClass, octets, tlvs)
  return concat && concat.total > 1 ? concat : undefined
}

interface OpenGroup {
  readonly group: PartGroup
  readonly isStored: boolean
  readonly bySequence: Map<number, PlacedPart>
  readonly fresh: PlacedPart[]
  doneAt: Date | null
}

/**
 * Puts parts to those that have come before, in any order and over any bind.
 *
 * The same part again changes nothing, even after its message was whole. Another part in the same
 * place means that the sender uses its reference again: what there is of the message before is
 * handed on as it is.
 *
 * @param stored - the groups of all keys of the arrivals
 */
export function joinParts(stored: readonly PartGroup[], arrivals: readonly Arrival[]): Joining {
  const open = new Map(stored.map((group) => [group.key, openGroup(group, true)]))
  const closed: OpenGroup[] = []
  const gone: string[] = []
  const joined: JoinedParts[] = []
  for (const arrival of arrivals) {
    const { part, at } = arrival
    const [key, place] = [keyOf(part), placeOf(part)]
    if (key === undefined || !place) {
      joined.push({ parts: [{ ...arrival, sequence: 1 }], total: 1 })
      continue
    }
    const placed = { ...arrival, sequence: place.sequence }
    let known = open.get(key)
    const before = known?.bySequence.get(place.sequence)
    if (known && before?.part.octets.equals(part.octets)) continue
    if (known && (before || known.doneAt)) {
      if (!known.doneAt) joined.push(partsOf(known))
      if (known.isStored) gone.push(known.group.id)
      known = undefined
    }
    if (!known) {
      const group = { id: newId(), key, total: place.total, parts: [], doneAt: null }
      known = openGroup(group, false)
      open.set(key, known)
    }
    known.bySequence.set(place.sequence, placed)
    known.fresh.push(placed)
    if (known.bySequence.size < known.group.total) continue
    known.doneAt = at
    joined.push(partsOf(known))
    closed.push(known)
  }
  const kept = [...open.values()]
  return {
    joined,
    fresh: kept.flatMap(({ group, fresh, doneAt }) =>
      fresh.map((part) => ({ group: { ...group, doneAt }, part })),
    ),
    done: closed
      .filter((each) => each.isStored && !gone.includes(each.group.id))
      .map(({ group }) => group.id),
    gone,
  }
}

/** What has come of a message, in the order of the text. */
export function inOrder({ parts, total }: Pick<PartGroup, 'parts' | 'total'>): JoinedParts {
  return { parts: [...parts].sort((a, b) => a.sequence - b.sequence), total }
}

function partsOf({ group, bySequence }: OpenGroup): JoinedParts {
  return inOrder({ parts: [...bySequence.values()], total: group.total })
}

function openGroup(group: PartGroup, isStored: boolean): OpenGroup {
  const bySequence = new Map(group.parts.map((part) => [part.sequence, part]))
  return { group, isStored, bySequence, fresh: [], doneAt: group.doneAt }
}
