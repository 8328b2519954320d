import { limitsSchema, toLimits } from '../../src/config/limits.ts'
import type { LimitPolicy } from '../../src/core/limits.ts'
import { Limits, type LimitsOptions, type LimitTerms } from '../../src/limits/limits.ts'
import { MemoryStore } from '../../src/limits/memory-store.ts'
import { RuleBook } from '../../src/limits/rule-book.ts'

/** The limits of a section of the file. */
export function policyOf(section: object): LimitPolicy {
  return toLimits(limitsSchema.parse(section))
}

/** Terms by a policy; a euro is two dollars, and nothing is known of other currencies. */
export function termsBy(policy: LimitPolicy): LimitTerms {
  return {
    rules: new RuleBook(policy),
    convert: ({ micros, currency }, to) =>
      currency === 'USD' && to === 'EUR' ? Number(micros) / 2 : undefined,
  }
}

/** Limits that are counted in memory. */
export function limitsBy(policy: LimitPolicy, options: Partial<LimitsOptions> = {}): Limits {
  return new Limits(termsBy(policy), {
    store: new MemoryStore(),
    fingerprint: (number) => number,
    clock: () => new Date(),
    ...options,
  })
}
