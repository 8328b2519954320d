/** What is known of a country's networks and names as senders (alphanumeric sender ids). */
export interface SenderCountry {
  readonly country: string
  /** `none`: names are not delivered; `register`: only those that were registered before. */
  readonly names: 'none' | 'register'
  /** Why, and how sure it is. */
  readonly note: string
}

/**
 * Countries where a name as sender needs care.
 *
 * Only those where it is beyond doubt; a country that is missing here may have such a rule all the
 * same, and rules change: the operator's own rules go before this table. The rules are those of the
 * regulators that each note names, as of 2025.
 */
export const SENDER_COUNTRIES: readonly SenderCountry[] = [
  {
    country: 'US',
    names: 'none',
    note: 'networks of the United States deliver from numbers and short codes only (CTIA)',
  },
  {
    country: 'CA',
    names: 'none',
    note: 'networks of Canada deliver from numbers and short codes only (CWTA)',
  },
  {
    country: 'IN',
    names: 'register',
    note: 'India: headers and templates are registered on the DLT platforms (TRAI, TCCCPR 2018)',
  },
  {
    country: 'SG',
    names: 'register',
    note: 'Singapore: names are registered with the SMS Sender ID Registry (IMDA, since 2023)',
  },
  {
    country: 'SA',
    names: 'register',
    note: 'Saudi Arabia: names are registered before they are used (CST)',
  },
  {
    country: 'AE',
    names: 'register',
    note: 'United Arab Emirates: names are registered with the networks (TDRA)',
  },
]
