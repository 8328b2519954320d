import { createHash } from 'node:crypto'
import type { AuditContent, AuditEvent } from './entry.ts'
import { maskedJson, maskedText } from './masking.ts'

/** The latest entry: the next one follows it. */
export interface AuditPlace {
  /** 0: there is none. */
  readonly number: number
  /** Empty: there is none. */
  readonly hash: string
}

/** An entry in its place. */
export interface SealedEntry extends AuditPlace {
  readonly previousHash: string
  readonly content: AuditContent
}

/** Before the first entry. */
export const AUDIT_START: AuditPlace = { number: 0, hash: '' }

/** What an entry says of an event: only what comes back from the database as it went in, and no secrets. */
export function contentOf(event: AuditEvent): AuditContent {
  const { at, actor, address, requestId, action, subject, outcome, reason, counted } = event
  return {
    at,
    actor: { ...actor, name: textOf(actor.name) },
    address: textOf(address),
    requestId: textOf(requestId),
    action,
    subject: subject ? { kind: subject.kind, id: maskedText(subject.id) } : null,
    tenantId: event.tenantId ?? null,
    outcome,
    reason: textOf(reason),
    before: maskedJson(event.before),
    after: maskedJson(event.after),
    count: counted?.count ?? 1,
    firstAt: counted?.firstAt ?? null,
    lastAt: counted?.lastAt ?? null,
  }
}

/** Seals contents as the entries that follow another, in order. */
export function sealEntries(after: AuditPlace, contents: readonly AuditContent[]): SealedEntry[] {
  let place = after
  return contents.map((content) => {
    const number = place.number + 1
    const entry = {
      number,
      previousHash: place.hash,
      content,
      hash: hashOf(number, place.hash, content),
    }
    place = entry
    return entry
  })
}

/** The hash of an entry: SHA-256 of its number, the hash before it and all that it says, as one JSON array. */
export function hashOf(number: number, previousHash: string, content: AuditContent): string {
  const { at, actor, address, requestId, action, subject, tenantId, outcome, reason } = content
  const { before, after, count, firstAt, lastAt } = content
  const sealed = [
    number,
    previousHash,
    at.getTime(),
    actor.kind,
    actor.name,
    actor.tenantId,
    address,
    requestId,
    action,
    subject?.kind ?? null,
    subject?.id ?? null,
    tenantId,
    outcome,
    reason,
    before,
    after,
    count,
    firstAt?.getTime() ?? null,
    lastAt?.getTime() ?? null,
  ]
  return createHash('sha256').update(JSON.stringify(sealed)).digest('hex')
}

function textOf(text: string | null | undefined): string | null {
  return text === null || text === undefined ? null : maskedText(text)
}
