/** When a tenant pays for what, as agreed at the acceptance of a message. */
export interface ChargingTerms {
  /** What the price is for: each segment, or the message as a whole. */
  readonly unit: (typeof CHARGE_UNITS)[number]
  /** `submit`: once the carrier has taken it, whatever follows; `end`: by what became of it. */
  readonly on: (typeof CHARGE_MOMENTS)[number]
  /** With `end`: what receipts say is lost is paid for all the same. */
  readonly chargesFailed: boolean
  /** What a carrier has, or may have, without a final receipt until the deadline is paid for. */
  readonly chargesUnconfirmed: boolean
  /** Added to the price: millionths of it; 0: none. */
  readonly taxPpm: number
  /** The tier of the tenant's volume that the price is by; undefined: it has sent too little for any. */
  readonly tier?: VolumeTier | undefined
}

/** What a tenant pays less from so many segments in a calendar month on, in UTC. */
export interface VolumeTier {
  /** It counts for what comes after so many. */
  readonly aboveSegments: number
  /** What the price is less: millionths of it. */
  readonly discountPpm: number
}

/** Terms by a tier. */
export type TieredTerms = ChargingTerms & { readonly tier: VolumeTier }

export const CHARGE_UNITS = ['segment', 'message'] as const
export const CHARGE_MOMENTS = ['submit', 'end'] as const

/** Paid for by segment, by what became of it; what is lost is free. */
export const USUAL_TERMS: ChargingTerms = {
  unit: 'segment',
  on: 'end',
  chargesFailed: false,
  chargesUnconfirmed: true,
  taxPpm: 0,
}

const known = new Map<string, ChargingTerms>()

/**
 * The terms as a message keeps them, for example `segment end unconfirmed tax=190000` or
 * `segment end unconfirmed above=100000 discount=50000`.
 */
export function termsText(terms: ChargingTerms): string {
  const { unit, on, chargesFailed, chargesUnconfirmed, taxPpm, tier } = terms
  return [
    unit,
    on,
    ...(chargesFailed ? ['failed'] : []),
    ...(chargesUnconfirmed ? ['unconfirmed'] : []),
    ...(taxPpm === 0 ? [] : [`tax=${taxPpm}`]),
    ...(tier ? [`above=${tier.aboveSegments}`, `discount=${tier.discountPpm}`] : []),
  ].join(' ')
}

/** The terms that {@link termsText} has written; the same object for the same text. */
export function readTerms(text: string): ChargingTerms {
  const terms = known.get(text) ?? parse(text)
  known.set(text, terms)
  return terms
}

function parse(text: string): ChargingTerms {
  const words = text.split(' ')
  const above = numberIn(words, 'above')
  return {
    unit: words[0] === 'message' ? 'message' : 'segment',
    on: words[1] === 'submit' ? 'submit' : 'end',
    chargesFailed: words.includes('failed'),
    chargesUnconfirmed: words.includes('unconfirmed'),
    taxPpm: numberIn(words, 'tax') ?? 0,
    ...(above === undefined
      ? {}
      : { tier: { aboveSegments: above, discountPpm: numberIn(words, 'discount') ?? 0 } }),
  }
}

function numberIn(words: readonly string[], name: string): number | undefined {
  const word = words.find((each) => each.startsWith(`${name}=`))
  return word === undefined ? undefined : Number(word.slice(name.length + 1))
}

/** How many times a message of so many segments pays the price of one. */
export function partsOf(terms: ChargingTerms | undefined, segments: number): number {
  return terms?.unit === 'message' ? 1 : segments
}

/** A price less the discount of a tier, half a millionth rounded up. */
export function discounted(micros: bigint, tier: VolumeTier | undefined): bigint {
  if (tier === undefined) return micros
  return (micros * BigInt(1_000_000 - tier.discountPpm) + 500_000n) / 1_000_000n
}

/** The tax on an amount, half a millionth rounded up. */
export function taxOn(micros: bigint, taxPpm: number): bigint {
  if (taxPpm === 0) return 0n
  return (micros * BigInt(taxPpm) + 500_000n) / 1_000_000n
}
