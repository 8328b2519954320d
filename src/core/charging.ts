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
}

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

/** The terms as a message keeps them, for example `segment end unconfirmed tax=190000`. */
export function termsText(terms: ChargingTerms): string {
  const { unit, on, chargesFailed, chargesUnconfirmed, taxPpm } = terms
  return [
    unit,
    on,
    ...(chargesFailed ? ['failed'] : []),
    ...(chargesUnconfirmed ? ['unconfirmed'] : []),
    ...(taxPpm === 0 ? [] : [`tax=${taxPpm}`]),
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
  const tax = words.find((word) => word.startsWith('tax='))
  return {
    unit: words[0] === 'message' ? 'message' : 'segment',
    on: words[1] === 'submit' ? 'submit' : 'end',
    chargesFailed: words.includes('failed'),
    chargesUnconfirmed: words.includes('unconfirmed'),
    taxPpm: tax === undefined ? 0 : Number(tax.slice('tax='.length)),
  }
}

/** The tax on an amount, half a millionth rounded up. */
export function taxOn(micros: bigint, taxPpm: number): bigint {
  if (taxPpm === 0) return 0n
  return (micros * BigInt(taxPpm) + 500_000n) / 1_000_000n
}
