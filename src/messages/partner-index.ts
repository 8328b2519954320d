import type { Message } from './message.ts'

interface Entry {
  readonly message: Message
}

/** Finds messages of partners by what a partner says of them; messages of others are not in it. */
export class PartnerIndex<Value extends Entry> {
  /**
   * By partner and id, and by partner and number: a number begins with `+`, and no id does. Nearly every
   * key has one message: a set for each would cost more than all else here.
   */
  readonly #byKey = new Map<string, Value | Set<Value>>()

  add(value: Value): void {
    const { partner, partnerMessageId, to } = value.message
    if (partner === null) return
    this.#add(keyOf(partner, to), value)
    if (partnerMessageId !== null) this.#add(keyOf(partner, partnerMessageId), value)
  }

  remove(value: Value): void {
    const { partner, partnerMessageId, to } = value.message
    if (partner === null) return
    this.#remove(keyOf(partner, to), value)
    if (partnerMessageId !== null) this.#remove(keyOf(partner, partnerMessageId), value)
  }

  byPartnerId(partner: string, partnerMessageId: string): Value[] {
    return this.#find(keyOf(partner, partnerMessageId))
  }

  byRecipient(partner: string, to: string): Value[] {
    return this.#find(keyOf(partner, to))
  }

  #find(key: string): Value[] {
    const known = this.#byKey.get(key)
    if (known === undefined) return []
    return known instanceof Set ? [...known] : [known]
  }

  #add(key: string, value: Value): void {
    const known = this.#byKey.get(key)
    if (known instanceof Set) known.add(value)
    else this.#byKey.set(key, known === undefined ? value : new Set([known, value]))
  }

  #remove(key: string, value: Value): void {
    const known = this.#byKey.get(key)
    if (!(known instanceof Set)) {
      if (known === value) this.#byKey.delete(key)
      return
    }
    known.delete(value)
    if (known.size === 0) this.#byKey.delete(key)
  }
}

function keyOf(partner: string, what: string): string {
  return `${partner}\n${what}`
}
