import { choice, integer, mapping, optionalText, setting } from '../settings/field.ts'

/** What a partner's software expects of the ids and receipts that it gets. */
export interface DialectConfig {
  /** Undefined: as the version of the bind has room for. */
  readonly messageIdForm: MessageIdForm | undefined
  readonly receipts: ReceiptDialectConfig
}

/** How a partner's receipts are written. */
export interface ReceiptDialectConfig {
  readonly tlvs: ReceiptTlvs
  /** Whether dates end with the minute or with the second. */
  readonly dates: ReceiptDates
  /** Digits of `err`, zeros before it. */
  readonly errorDigits: number
  /** What stands for a word of Appendix B; undefined: the word itself. */
  readonly words: Readonly<Record<StatWord, string | undefined>>
}

/** How the ids look that a partner gets. */
export type MessageIdForm = (typeof MESSAGE_ID_FORMS)[number]
/** Which binds get the optional parameters of receipts: those of 3.4 and above, all, none. */
export type ReceiptTlvs = (typeof RECEIPT_TLVS)[number]
/** The last digits of a receipt's dates. */
export type ReceiptDates = (typeof RECEIPT_DATES)[number]
/** The words for the state in a receipt's text: SMPP v3.4, Appendix B. */
export type StatWord = (typeof STAT_WORDS)[number]

const MESSAGE_ID_FORMS = ['uuid', 'hex8', 'decimal'] as const
const RECEIPT_TLVS = ['auto', 'always', 'never'] as const
const RECEIPT_DATES = ['minutes', 'seconds'] as const
const STAT_WORDS = [
  'ENROUTE',
  'DELIVRD',
  'EXPIRED',
  'DELETED',
  'UNDELIV',
  'ACCEPTD',
  'UNKNOWN',
  'REJECTD',
] as const

function word(appendixB: StatWord) {
  return optionalText(/^[A-Za-z0-9_]{1,16}$/, '1 to 16 letters, digits or "_"', {
    about: `What stands for ${appendixB}, where not that word itself.`,
  })
}

/** The keys of a partner about ids and receipts. */
export const dialectKeys = {
  message_id_form: optionalText(/^(uuid|hex8|decimal)$/, `one of ${MESSAGE_ID_FORMS.join(', ')}`, {
    about:
      'The ids that the partner gets: ours, 8 hexadecimal digits, or 10 decimal ones. Without it: ' +
      '`hex8` for binds below version 3.4, which have no room for more, `uuid` for all others.',
  }),
  receipt_tlvs: choice(RECEIPT_TLVS, 'auto', {
    about:
      'Receipts carry `receipted_message_id`, `message_state` and so on: to binds of version 3.4 and ' +
      'above, always, or never.',
  }),
  receipt_format: setting(
    mapping({
      dates: choice(RECEIPT_DATES, 'minutes', {
        about: 'Dates as `yyMMddHHmm`, or with the seconds behind.',
      }),
      error_digits: integer(1, 8, 3, { about: 'Digits of `err`; zeros fill it up.' }),
      stat: setting(
        mapping({
          ENROUTE: word('ENROUTE'),
          DELIVRD: word('DELIVRD'),
          EXPIRED: word('EXPIRED'),
          DELETED: word('DELETED'),
          UNDELIV: word('UNDELIV'),
          ACCEPTD: word('ACCEPTD'),
          UNKNOWN: word('UNKNOWN'),
          REJECTD: word('REJECTD'),
        }).prefault({}),
        { about: 'Other words for `stat`.', allowed: 'a mapping', defaultText: '{}' },
      ),
    }).prefault({}),
    {
      about: "How the text of the partner's receipts is written.",
      allowed: 'a mapping',
      defaultText: '{}',
    },
  ),
}

interface FileDialect {
  readonly message_id_form?: string | undefined
  readonly receipt_tlvs: ReceiptTlvs
  readonly receipt_format: {
    readonly dates: ReceiptDates
    readonly error_digits: number
    readonly stat: Readonly<Partial<Record<StatWord, string | undefined>>>
  }
}

/** The dialect that a partner's keys ask for. */
export function toDialect(partner: FileDialect): DialectConfig {
  const { dates, error_digits, stat } = partner.receipt_format
  const words = Object.fromEntries(STAT_WORDS.map((each) => [each, stat[each]]))
  return {
    messageIdForm: MESSAGE_ID_FORMS.find((form) => form === partner.message_id_form),
    receipts: {
      tlvs: partner.receipt_tlvs,
      dates,
      errorDigits: error_digits,
      words: words as ReceiptDialectConfig['words'],
    },
  }
}

/** The dialect of a partner whose keys say nothing about it. */
export const DEFAULT_DIALECT: DialectConfig = toDialect({
  receipt_tlvs: 'auto',
  receipt_format: { dates: 'minutes', error_digits: 3, stat: {} },
})
