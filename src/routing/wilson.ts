/** Both sides together leave out one in ten. */
const Z = 1.644_853_626_951_472_2

/**
 * Lower bound of Wilson's score interval of a share, with a confidence of 90 %.
 *
 * @param share - as it was seen, between 0 and 1
 * @param sample - how many were seen; 0: nothing is known
 * @see Wilson, Probable inference, the law of succession, and statistical inference, 1927
 */
export function wilsonLower(share: number, sample: number): number {
  return Math.max(0, centre(share, sample) - reach(share, sample))
}

/** The upper bound; see {@link wilsonLower}. */
export function wilsonUpper(share: number, sample: number): number {
  return Math.min(1, centre(share, sample) + reach(share, sample))
}

function centre(share: number, sample: number): number {
  return (sample * share + (Z * Z) / 2) / (sample + Z * Z)
}

function reach(share: number, sample: number): number {
  return (Z * Math.sqrt(sample * share * (1 - share) + (Z * Z) / 4)) / (sample + Z * Z)
}
