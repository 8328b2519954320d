/**
 * What becomes of a name as sender (alphanumeric sender id) in a country.
 *
 * - `none`: it is not delivered
 * - `register`: it has to be registered before; any other is blocked, replaced or marked as a fraud
 * - `some`: some networks want it registered, or put another sender in its place
 * - `replaced`: networks put a number of theirs in its place
 */
export type NamesAsSenders = 'none' | 'register' | 'some' | 'replaced'

/** What is known of a country's networks and names as senders. */
export interface SenderCountry {
  /** ISO 3166-1 alpha-2. */
  readonly country: string
  readonly names: NamesAsSenders
  /** In words, for whoever is refused or warned. */
  readonly note: string
  /** Address of the page that says so. */
  readonly source: string
}

const MEANING: Readonly<Record<NamesAsSenders, string>> = {
  none: 'messages are delivered from numbers and short codes only',
  register: 'names have to be registered as senders',
  some: 'some networks want names registered, or replace them',
  replaced: 'networks put a number of theirs in the place of names',
}

type Row = readonly [names: NamesAsSenders, source: string, more?: string]

const TELNYX_NAMES = 'https://developers.telnyx.com/docs/messaging/messages/alphanumeric-sender-id'
const vonage = (page: string) =>
  `https://api.support.vonage.com/hc/en-us/articles/${page}-SMS-Features-and-Restrictions`
const telnyx = (page: string) => `https://support.telnyx.com/en/articles/${page}-sms-guidelines`
const aws = (country: string) =>
  `https://docs.aws.amazon.com/sms-voice/latest/userguide/registrations-${country}.html`

// Pages of Vonage as of spring 2024, of Telnyx as of June 2026; regulators where they say it themselves.
const TABLE: Readonly<Record<string, Row>> = {
  US: ['none', TELNYX_NAMES],
  CA: ['none', TELNYX_NAMES],
  PR: ['none', TELNYX_NAMES],
  GU: ['none', vonage('360040573591-Guam')],

  AE: ['register', vonage('204017363-UAE'), 'TDRA; with "AD-" before them for advertising'],
  AM: ['register', vonage('360038786572-Armenia')],
  AU: [
    'register',
    'https://www.acma.gov.au/articles/2025-10/acma-sets-out-remaining-rules-sms-sender-id-register-participation',
    'others are shown as "Unverified" since July 2026 (ACMA)',
  ],
  BY: ['register', aws('belarus')],
  EG: ['register', vonage('204017083-Egypt')],
  ES: [
    'register',
    'https://www.cnmc.es/index.php/ca/node/415715',
    'others are blocked since June 2026 (CNMC)',
  ],
  FI: [
    'register',
    'https://www.traficom.fi/en/communications/broadband-and-telephone/sms-sender-id',
    'names and numbers, since May 2026 (Traficom)',
  ],
  GR: ['register', telnyx('6563817-greece'), 'others are rejected'],
  ID: ['register', telnyx('6674396-indonesia'), 'others are rejected'],
  IE: [
    'register',
    'https://commsrisk.com/how-a-sailing-club-hacked-irelands-sms-sender-id-registry/',
    'others are shown as "Likely Scam" since July 2025 (ComReg)',
  ],
  IN: [
    'register',
    'https://developers.telnyx.com/docs/messaging/messages/international-sms-compliance',
    'headers and templates on the DLT platforms (TRAI); what comes from abroad gets a short code',
  ],
  JO: [
    'register',
    'https://aws.amazon.com/blogs/messaging-and-targeting/how-to-register-a-sender-id-using-apis-with-aws-end-user-messaging',
    'with "adv" before them for advertising',
  ],
  KW: ['register', 'https://help.clicksend.com/article/jyh5u1nt2e-kuwait'],
  KZ: ['register', vonage('204017043-Kazakhstan')],
  PH: ['register', telnyx('6531682-philippines')],
  RU: ['register', vonage('204017713-Russia')],
  SA: ['register', vonage('204017033-Saudi-Arabia'), 'with "-AD" behind them for advertising'],
  SG: [
    'register',
    'https://www.sgnic.sg/announcements/sgnic-news/announcement-details/2023/04/10/sender-ids-not-registered-with-the-ssir-will-be-blocked-after-six-months-transition-period-from-31-january-2023',
    'with the SMS Sender ID Registry (IMDA); others are blocked',
  ],
  TH: ['register', telnyx('6683302-thailand')],
  TR: ['register', vonage('204017543-Turkey')],
  UA: ['register', vonage('204017503-Ukraine')],
  VN: ['register', telnyx('6683467-vietnam')],

  BD: ['some', vonage('204017633-Bangladesh'), 'Grameenphone, Robi and Teletalk block others'],
  BG: ['some', telnyx('6563862-bulgaria'), 'A1 replaces them'],
  CI: ['some', vonage('204018123-Ivory-Coast-Cote-d-Ivoire'), 'MTN'],
  CM: ['some', vonage('204017303-Cameroon'), 'MTN'],
  CZ: ['some', vonage('204017703-Czech-Republic'), 'T-Mobile refuses others'],
  ET: ['some', vonage('4703293665044-Ethiopia'), 'Ethio telecom'],
  GH: ['some', vonage('204017233-Ghana'), 'MTN'],
  HK: [
    'some',
    'https://www.twilio.com/en/guidelines/hk/sms',
    'those with "#" before them are for registered senders only (OFCA)',
  ],
  IR: ['some', vonage('204017383-Iran'), 'MCI'],
  KE: ['some', vonage('204017123-Kenya'), 'Safaricom and Telkom'],
  KH: ['some', vonage('206152617-Cambodia'), 'Smart; Cootel and Viettel replace them'],
  LK: ['some', vonage('204017643-Sri-Lanka'), 'Dialog and Hutchison'],
  MA: ['some', vonage('204017173-Morocco'), 'inwi'],
  MM: ['some', telnyx('6678010-myanmar')],
  NG: ['some', vonage('204017133-Nigeria'), 'MTN'],
  NO: ['some', vonage('204017813-Norway')],
  NP: ['some', vonage('204975828-Nepal'), 'Ncell replaces others'],
  OM: ['some', vonage('204017683-Oman'), 'others may be replaced'],
  PK: ['some', vonage('204017333-Pakistan'), 'Mobilink; CMPak rejects others'],
  QA: ['some', vonage('204017143-Qatar')],
  RO: ['some', telnyx('6561262-romania'), 'Vodafone, Orange and DigiMobil replace them'],
  RS: ['some', telnyx('6683745-serbia'), 'others may be replaced'],
  RW: ['some', vonage('204018113-Rwanda'), 'MTN'],
  TZ: ['some', vonage('204017283-Tanzania'), 'Tigo and Airtel; others are replaced'],
  UG: ['some', vonage('9247081781276-Uganda'), 'MTN'],
  ZA: ['some', vonage('204017063-South-Africa'), 'MTN; others are replaced'],
  ZM: ['some', vonage('204017873-Zambia'), 'MTN'],

  AR: ['replaced', vonage('204018063-Argentina')],
  BO: ['replaced', vonage('9236847649180-Bolivia')],
  CL: ['replaced', vonage('204017513-Chile')],
  CN: ['replaced', vonage('204017393-China'), 'texts need a registered signature and template'],
  CO: ['replaced', vonage('204017593-Colombia')],
  EC: ['replaced', vonage('204017203-Ecuador')],
  HN: ['replaced', vonage('216876928-Honduras')],
  HU: ['replaced', telnyx('6561206-hungary')],
  KR: ['replaced', vonage('204017213-South-Korea')],
  MX: ['replaced', vonage('204017253-Mexico'), 'registered ones may be kept'],
  MY: ['replaced', telnyx('6675110-malaysia')],
  NZ: ['replaced', vonage('204017183-New-Zealand')],
  PE: ['replaced', vonage('204017823-Peru')],
  PY: ['replaced', vonage('206872007-Paraguay')],
  TW: ['replaced', vonage('204017563-Taiwan')],
  UY: ['replaced', vonage('204018153-Uruguay')],
  VE: ['replaced', vonage('204017943-Venezuela')],
}

/**
 * Countries where a name as sender needs care, with the page that says so.
 *
 * A country that is missing may have such a rule all the same, and rules change: the operator's own rules
 * go before this table. docs/numbers.md shows it; a test holds both equal.
 */
export const SENDER_COUNTRIES: ReadonlyMap<string, SenderCountry> = new Map(
  Object.entries(TABLE).map(([country, [names, source, more]]) => {
    const note = `${MEANING[names]}${more === undefined ? '' : `: ${more}`}`
    return [country, { country, names, note, source }]
  }),
)
