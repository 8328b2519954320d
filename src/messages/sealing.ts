import { GatewayError } from '../core/errors.ts'
import type { Cipher, SealContext } from '../store/cipher.ts'

/** Where the text of a row of the journal is stored; its number changes when a start takes it over. */
export const IN_JOURNAL: SealContext = { tenantId: '', column: 'journal.entries' }

/** Where an entry that a table has refused is stored. */
export function inRefused(rowId: string): SealContext {
  return { tenantId: '', column: 'journal_refused.entry', rowId }
}

/** Where a column of a receipt without a submit is stored: whose message it is, nobody knows. */
export function inReceipt(column: 'raw_text' | 'about', rowId: string): SealContext {
  return { tenantId: '', column: `receipts.${column}`, rowId }
}

/** Where a column of a message is stored. */
export function inMessage(
  column: 'to_number' | 'body' | 'template' | 'mail' | 'fallback' | 'octets' | 'pass_through',
  tenantId: string,
  rowId: string,
): SealContext {
  return { tenantId, column: `messages.${column}`, rowId }
}

/** Where a column of a message of a handset is stored; its tenant may not be known. */
export function inInbound(column: 'from_number' | 'body' | 'pdus', rowId: string): SealContext {
  return { tenantId: '', column: `inbound_messages.${column}`, rowId }
}

/** Where a part of such a message is stored. */
export function inInboundPart(groupId: string, sequence: number): SealContext {
  return { tenantId: '', column: 'inbound_parts.part', rowId: `${groupId} ${sequence}` }
}

/** Where what a recipient is told is stored. */
export function inOutbox(tenantId: string, rowId: string): SealContext {
  return { tenantId, column: 'outbox.payload', rowId }
}

/** Where the answer to a call with a key is stored, or what tells that call from others. */
export function inAnswer(
  column: 'fingerprint' | 'body',
  { tenantId, scope, key }: { tenantId: string; scope: string; key: string },
): SealContext {
  return { tenantId, column: `idempotency_keys.${column}`, rowId: `${scope} ${key}` }
}

/** Where the secret of a webhook is stored, and the one before: it moves there by a rotation. */
export function inWebhook(tenantId: string, rowId: string): SealContext {
  return { tenantId, column: 'webhook_endpoints.secret', rowId }
}

/** Where a version of the configuration is stored. */
export function inConfigVersion(number: number): SealContext {
  return { tenantId: '', column: 'config_versions.document', rowId: String(number) }
}

/** The stored form of octets: themselves, or the characters of the sealed text. */
export function sealOctets(cipher: Cipher, octets: Uint8Array, context: SealContext): Buffer {
  return Buffer.from(cipher.seal(latin1(octets), context), 'latin1')
}

/** The octets of a stored form. Throws as {@link Cipher.open}. */
export function openOctets(cipher: Cipher, stored: Uint8Array, context: SealContext): Buffer {
  return Buffer.from(cipher.open(latin1(stored), context), 'latin1')
}

/** As {@link Cipher.reseal}, for octets. */
export function resealOctets(
  cipher: Cipher,
  stored: Uint8Array,
  context: SealContext,
): Buffer | undefined {
  const anew = cipher.reseal(latin1(stored), context)
  return anew === undefined ? undefined : Buffer.from(anew, 'latin1')
}

/** An object, or the form in which its column holds it sealed. */
export type StoredJson<Value extends object> = Value | { readonly sealed: string }

/** The stored form of an object. */
export function sealJson<Value extends object>(
  cipher: Cipher,
  value: Value,
  context: SealContext,
): StoredJson<Value> {
  if (cipher.activeKeyId === undefined) return value
  return { sealed: cipher.seal(JSON.stringify(value), context) }
}

/** The object of a stored form. Throws as {@link Cipher.open}. */
export function openJson<Value extends object>(
  cipher: Cipher,
  stored: StoredJson<Value>,
  context: SealContext,
): Value {
  if (!('sealed' in stored)) return stored
  return JSON.parse(cipher.open(stored.sealed, context)) as Value
}

/** As {@link Cipher.reseal}, for an object. */
export function resealJson(
  cipher: Cipher,
  stored: StoredJson<object>,
  context: SealContext,
): object | undefined {
  const anew = cipher.reseal('sealed' in stored ? stored.sealed : JSON.stringify(stored), context)
  if (anew === undefined) return undefined
  return cipher.activeKeyId === undefined ? (JSON.parse(anew) as object) : { sealed: anew }
}

/** True for what a stored value that cannot be opened throws. */
export function isUnreadable(error: unknown): boolean {
  return (
    error instanceof GatewayError &&
    (error.code === 'decryption_failed' || error.code === 'encryption_key_unknown')
  )
}

/** What `read` gives of every row that can be opened, and the rows that cannot. */
export function openAll<Row, Opened>(
  rows: readonly Row[],
  read: (row: Row) => Opened,
): { readonly opened: Opened[]; readonly unreadable: Row[] } {
  const opened: Opened[] = []
  const unreadable: Row[] = []
  for (const row of rows) {
    try {
      opened.push(read(row))
    } catch (error) {
      if (!isUnreadable(error)) throw error
      unreadable.push(row)
    }
  }
  return { opened, unreadable }
}

function latin1(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString('latin1')
}
