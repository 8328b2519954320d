/** What a column of a deck can be. */
export type DeckColumn =
  | 'prefix'
  | 'mccmnc'
  | 'mcc'
  | 'mnc'
  | 'price'
  | 'currency'
  | 'effectiveFrom'

/** Where each column stands in a row, from 0; -1: the deck has none. */
export type DeckColumns = Readonly<Record<DeckColumn, number>>

/** What the first row of a deck says. */
export interface DeckHeader {
  readonly columns: DeckColumns
  /** Names of all columns as the deck has them. */
  readonly names: readonly string[]
  /** Names of those that say nothing to us. */
  readonly ignored: readonly string[]
}

// Names in use for the same thing; compared in small letters, with "_" for all that is no letter or digit.
const NAMES: Readonly<Record<DeckColumn, readonly string[]>> = {
  prefix: ['prefix', 'dial_prefix', 'dial_code', 'dialcode', 'destination_code', 'number_prefix'],
  mccmnc: ['mccmnc', 'mcc_mnc', 'plmn', 'network_code', 'hni'],
  mcc: ['mcc'],
  mnc: ['mnc'],
  price: ['price', 'rate', 'cost', 'unit_price', 'price_per_segment', 'price_per_sms', 'amount'],
  currency: ['currency', 'currency_code', 'curr', 'ccy'],
  effectiveFrom: ['effective_from', 'effective', 'effective_date', 'valid_from', 'start_date'],
}

const BY_NAME = new Map(
  Object.entries(NAMES).flatMap(([column, names]) =>
    names.map((name) => [name, column as DeckColumn]),
  ),
)

/** Reads the first row; a text says what is wrong with it. */
export function readHeader(names: readonly string[]): DeckHeader | string {
  const columns: Record<DeckColumn, number> = {
    prefix: -1,
    mccmnc: -1,
    mcc: -1,
    mnc: -1,
    price: -1,
    currency: -1,
    effectiveFrom: -1,
  }
  const ignored: string[] = []
  for (const [index, name] of names.entries()) {
    const column = BY_NAME.get(plainName(name))
    if (column === undefined) {
      ignored.push(name)
      continue
    }
    const earlier = columns[column]
    if (earlier >= 0) {
      return `the columns "${names[earlier]}" and "${name}" mean the same: leave one of them`
    }
    columns[column] = index
  }
  return missing(columns) ?? { columns, names, ignored }
}

function missing(columns: DeckColumns): string | undefined {
  const hasPair = columns.mcc >= 0 && columns.mnc >= 0
  if (columns.mccmnc >= 0 && (columns.mcc >= 0 || columns.mnc >= 0)) {
    return 'the network is there twice: leave either "mccmnc" or "mcc" and "mnc"'
  }
  if (!hasPair && columns.mcc >= 0) return 'there is "mcc" without "mnc": a network needs both'
  if (!hasPair && columns.mnc >= 0) return 'there is "mnc" without "mcc": a network needs both'
  const lacking: string[] = []
  if (columns.prefix < 0 && columns.mccmnc < 0 && !hasPair) {
    lacking.push('"prefix", or "mccmnc", or "mcc" and "mnc"')
  }
  if (columns.price < 0) lacking.push('"price"')
  if (columns.currency < 0) lacking.push('"currency"')
  if (lacking.length === 0) return undefined
  return `the first row must name the columns, and lacks ${lacking.join(' and ')}`
}

function plainName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_|_$/g, '')
}
