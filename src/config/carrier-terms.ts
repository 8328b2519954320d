import { z } from 'zod'
import { TRAFFIC_CLASSES, type TrafficClass } from '../core/policy.ts'
import { list, optionalInteger, requiredText, setting } from '../settings/field.ts'
import { NAME, NAME_ALLOWED } from '../settings/forms.ts'
import { type CheckConfig, checkSchema, toCheck } from './check.ts'
import { type RateConfig, ratesOf, toRates } from './rates.ts'

/** What a carrier may be unable to carry. */
export const LACKS = ['unicode', 'binary', 'flash', 'receipts', 'inbound'] as const
const LACKS_ALLOWED = `a list of ${LACKS.join(', ')}`
const CLASSES_ALLOWED = `a list of ${TRAFFIC_CLASSES.join(', ')}`

/** What every carrier is asked for, however it is spoken to. */
export interface CarrierTerms {
  readonly name: string
  readonly rates: readonly RateConfig[]
  /** Names by which routes choose carriers. */
  readonly tags: readonly string[]
  /** Undefined: all. */
  readonly trafficClasses: readonly TrafficClass[] | undefined
  /** What it cannot carry. */
  readonly cannot: readonly (typeof LACKS)[number][]
  /** The longest message that it takes; undefined: any. */
  readonly maxSegments: number | undefined
  readonly check: CheckConfig
}

/** {@link CarrierTerms} as they are written in the file. */
export const carrierTermsShape = {
  name: requiredText(NAME, NAME_ALLOWED, { about: 'Name of the carrier, unique in the file.' }),
  tags: setting(
    list(z.string().regex(NAME, { error: NAME_ALLOWED }), 'a list of names').default([]),
    {
      about: 'Names by which routes choose carriers, see `routing.routes[].carrier_tags`.',
      allowed: 'a list of names',
      defaultText: '[]',
      isText: true,
    },
  ),
  traffic_classes: setting(
    list(z.enum(TRAFFIC_CLASSES, { error: CLASSES_ALLOWED }), CLASSES_ALLOWED)
      .min(1, { error: CLASSES_ALLOWED })
      .optional(),
    {
      about: 'Traffic classes that the carrier takes; left out, all.',
      allowed: CLASSES_ALLOWED,
      defaultText: 'none',
    },
  ),
  cannot: setting(list(z.enum(LACKS, { error: LACKS_ALLOWED }), LACKS_ALLOWED).default([]), {
    about:
      'What the carrier cannot carry: texts in UCS-2, octets that pass through, flash, messages whose partner ' +
      'asks for a receipt, messages whose sender ' +
      'expects a reply (`inbound`: it brings none). Such messages go to others.',
    allowed: LACKS_ALLOWED,
    defaultText: '[]',
  }),
  max_segments: optionalInteger(1, 255, {
    about: 'The longest message that the carrier takes; longer ones go to others.',
    unit: 'segments',
  }),
  check: checkSchema,
  rates: ratesOf(
    'Where the carrier delivers and for how much, until a rate deck is imported; without a rate it ' +
      'gets no message.',
  ),
} as const

/** What the file says of every carrier. */
export function toTerms(carrier: z.output<z.ZodObject<typeof carrierTermsShape>>): CarrierTerms {
  return {
    name: carrier.name,
    tags: carrier.tags,
    trafficClasses: carrier.traffic_classes,
    cannot: carrier.cannot,
    maxSegments: carrier.max_segments,
    check: toCheck(carrier.check),
    rates: toRates(carrier.rates),
  }
}
