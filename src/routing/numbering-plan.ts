/** What a number is used for, as far as its numbering plan tells. */
export type NumberType =
  | 'mobile'
  | 'fixed_line'
  | 'fixed_line_or_mobile'
  | 'premium_rate'
  | 'toll_free'
  | 'shared_cost'
  | 'voip'
  | 'personal_number'
  | 'pager'
  | 'uan'
  | 'voicemail'
  | 'short_code'
  | 'unknown'

/** A numbering plan as the phone number library describes it; its data writes 0 for "none". */
export interface PlanSource {
  nationalNumberPattern(): string
  possibleLengths(): readonly number[]
  leadingDigits(): string | 0 | undefined
  nationalPrefixForParsing(): string | 0 | undefined
  type(name: string): PlanTypeSource | undefined
}

/** The numbers of one type within a plan; no lengths: those of the plan. */
export interface PlanTypeSource {
  pattern(): string | 0 | undefined
  possibleLengths(): readonly number[] | 0 | undefined
}

/** The plan of one country, or of one code that no country owns (`001`). */
export interface NumberingPlan {
  readonly country: string
  /** Lengths of the number after the calling code, ascending. */
  readonly lengths: readonly number[]
  /** True when a number with these digits may carry a national prefix that must be taken off. */
  readonly mayHavePrefix: (national: string) => boolean
  /** What the numbers of this country begin with, where the calling code is shared and that tells. */
  readonly leads: ((national: string) => boolean) | undefined
  readonly typeOf: (national: string) => NumberType
}

const OTHER_TYPES = [
  'MOBILE',
  'PREMIUM_RATE',
  'TOLL_FREE',
  'SHARED_COST',
  'VOIP',
  'PERSONAL_NUMBER',
  'PAGER',
  'UAN',
  'VOICEMAIL',
] as const

type Match = (national: string) => boolean

const NEVER: Match = () => false

/**
 * Compiles a plan once, so that a number costs a few regular expressions that already exist.
 *
 * The library makes every expression anew for every number, which is where its time goes.
 */
export function compilePlan(country: string, source: PlanSource): NumberingPlan {
  const whole = entirely(source.nationalNumberPattern())
  const leading = source.leadingDigits()
  return {
    country,
    lengths: source.possibleLengths(),
    mayHavePrefix: compilePrefix(source.nationalPrefixForParsing()),
    leads: leading ? start(leading) : undefined,
    typeOf: compileTypes(source, whole),
  }
}

function compileTypes(source: PlanSource, whole: Match): (national: string) => NumberType {
  const fixed = compileType(source, 'FIXED_LINE')
  const mobile = source.type('MOBILE')
  // A pattern equal to that of fixed lines is left out of the library's data.
  const isShared = mobile === undefined || mobile.pattern() === ''
  const isMobile = compileType(source, 'MOBILE')
  const others = OTHER_TYPES.map((name) => ({
    type: name.toLowerCase() as NumberType,
    matches: compileType(source, name),
  })).filter(({ matches }) => matches !== NEVER)
  return (national) => {
    if (!whole(national)) return 'unknown'
    if (fixed(national)) {
      return isShared || isMobile(national) ? 'fixed_line_or_mobile' : 'fixed_line'
    }
    return others.find(({ matches }) => matches(national))?.type ?? 'unknown'
  }
}

function compileType(source: PlanSource, name: string): Match {
  const type = source.type(name)
  const pattern = type?.pattern()
  if (!type || !pattern) return NEVER
  const lengths = type.possibleLengths()
  const matches = entirely(pattern)
  if (!lengths) return matches
  return (national) => lengths.includes(national.length) && matches(national)
}

function compilePrefix(pattern: string | 0 | undefined): Match {
  if (!pattern) return NEVER
  const expression = new RegExp(`^(?:${pattern})`)
  return (national) => (expression.exec(national)?.[0] ?? '') !== ''
}

function entirely(pattern: string): Match {
  const expression = new RegExp(`^(?:${pattern})$`)
  return (national) => expression.test(national)
}

function start(pattern: string): Match {
  const expression = new RegExp(`^(?:${pattern})`)
  return (national) => expression.test(national)
}
