import type { Message } from './message.ts'

interface Entry {
  readonly message: Message
}

/** Finds messages of partners by what a partner says of them; messages of others are not in it. */
export class PartnerIndex<Value extends Entry> {
  /** By partner and id, and by partner and number: a number begins with `+`, and no id does. */
  readonly #byKey = new Map<string, Set<Value>>()

  add(value: Value): void {
    for (const key of keysOf(value.message)) {
      const known = this.#byKey.get(key)
      if (known) known.add(value)
      else this.#byKey.set(key, new Set([value]))
    }
  }

  remove(value: Value): void {
    for (const key of keysOf(value.message)) {
      const known = this.#byKey.get(key)
      known?.delete(value)
      if (known?.size === 0) this.#byKey.delete(key)
    }
  }

  byPartnerId(partner: string, partnerMessageId: string): Value[] {
    return [...(this.#byKey.get(keyOf(partner, partnerMessageId)) ?? [])]
  }

  byRecipient(partner: string, to: string): Value[] {
    return [...(this.#byKey.get(keyOf(partner, to)) ?? [])]
  }
}

function keysOf({ partner, partnerMessageId, to }: Message): string[] {
  if (partner === null) return []
  const byRecipient = keyOf(partner, to)
  return partnerMessageId === null ? [byRecipient] : [byRecipient, keyOf(partner, partnerMessageId)]
}

function keyOf(partner: string, what: string): string {
  return `${partner}\n${what}`
}
