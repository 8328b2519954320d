import type { ChargingTerms, TieredTerms } from '../core/charging.ts'
import { mapping, requiredInteger, requiredText } from '../settings/field.ts'
import { PERCENT, PERCENT_ALLOWED, ppm } from '../settings/forms.ts'
import { type Mistake, pathText } from './mistake.ts'

/** What may stand where tiers are listed. */
export const TIERS_ALLOWED =
  'a list of { above_segments, discount_percent }, the lowest border first'

/** One tier of the volume of a month, as it is written in the file. */
export const tier = mapping({
  above_segments: requiredInteger(0, 1_000_000_000_000, {
    about: 'It counts for what comes after so many segments of the month.',
    unit: 'segments',
  }),
  discount_percent: requiredText(PERCENT, PERCENT_ALLOWED, {
    about: 'What is taken off the price.',
    unit: 'percent',
  }),
})

/** The terms by tiers without mistakes. */
export function toTiers(
  tiers: readonly ReturnType<(typeof tier)['parse']>[],
  charging: ChargingTerms,
): TieredTerms[] {
  return tiers.map(({ above_segments, discount_percent }) => ({
    ...charging,
    tier: { aboveSegments: above_segments, discountPpm: ppm(discount_percent) },
  }))
}

/**
 * What is wrong with a list of tiers besides its form: each border must be above the one before.
 *
 * @param path - where `tiers` stands
 */
export function tierMistakes(tiers: unknown, path: readonly PropertyKey[]): Mistake[] {
  if (!Array.isArray(tiers)) return []
  const borders = tiers.map((each: unknown) => {
    const border = (each as { above_segments?: unknown } | null)?.above_segments
    return typeof border === 'number' ? border : undefined
  })
  return borders.flatMap((border, index) => {
    const before = borders[index - 1]
    if (border === undefined || before === undefined || border > before) return []
    const message = `${border} is not above ${before}, the border before: write the tiers from the lowest border to the highest`
    return [{ path: pathText([...path, index, 'above_segments']), message }]
  })
}
