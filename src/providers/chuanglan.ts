import { choice, mapping, text } from '../settings/field.ts'
import { domesticAccount } from './chuanglan-domestic.ts'
import { internationalAccount } from './chuanglan-international.ts'
import { identifier, optionalEndpoint, secret } from './endpoint.ts'
import { defineProvider } from './provider.ts'
import { classifyError, type ErrorTable } from './provider-error.ts'

const ERRORS: ErrorTable = {
  101: ['auth', false],
  102: ['auth', false],
  103: ['rate_limit', true],
  104: ['provider', true],
  105: ['content_rejected', false],
  106: ['invalid', false, 'message_length_invalid'],
  107: ['invalid', false, 'destination_invalid'],
  108: ['invalid', false],
  109: ['balance', false],
  110: ['content_rejected', true, 'sending_window'],
  113: ['invalid', false, 'sender_invalid'],
  114: ['invalid', false],
  116: ['invalid', false, 'sender_invalid'],
  117: ['auth', false],
  118: ['auth', false],
  119: ['auth', false],
  120: ['rate_limit', false, 'carrier_quota_exceeded'],
  123: ['invalid', false],
  124: ['content_rejected', false],
  125: ['content_rejected', false],
  127: ['invalid', false, 'schedule_invalid'],
  128: ['invalid', false, 'encoding_refused'],
  129: ['invalid', false],
  130: ['invalid', false],
  'intl:110': ['balance', false],
  'intl:114': ['auth', false],
  'intl:115': ['auth', false],
  'intl:116': ['auth', false],
  'intl:125': ['rate_limit', false],
  'intl:130': ['provider', true],
  'intl:131': ['rate_limit', false, 'carrier_quota_exceeded'],
  'intl:132': ['rate_limit', false, 'carrier_quota_exceeded'],
  'intl:133': ['rate_limit', false, 'carrier_quota_exceeded'],
  'intl:134': ['rate_limit', false, 'carrier_quota_exceeded'],
}

const PRINTABLE = /^[\x21-\x7e]{0,256}$/
const PRINTABLE_ALLOWED = 'up to 256 printable ASCII characters'

const settings = mapping({
  api: choice(['domestic', 'international'], 'domestic', {
    about: 'Which of the two interfaces the account is of; they have accounts of their own.',
  }),
  endpoint: optionalEndpoint(
    'Where the provider is called; without it `https://smssh1.253.com`, and `https://intapi.253.com` with ' +
      '`api: international`.',
  ),
  account: identifier('The account of the interface, as `N0000000` or `I0000000`.'),
  password: secret('Password of the account.'),
  push_receiver: text(PRINTABLE, PRINTABLE_ALLOWED, '', {
    about: 'User name that is set at the provider for what it pushes, `receiver`.',
  }),
  push_password: text(PRINTABLE, PRINTABLE_ALLOWED, '', {
    about: 'Password that is set at the provider for what it pushes, `pswd`.',
    isSecret: true,
  }),
})

/**
 * Chuanglan 253, the domestic or the international interface.
 *
 * A template of the domestic one is its text with `{$var}` where variables are.
 *
 * @see https://github.com/chuanglan-international/SMS
 */
export const chuanglan = defineProvider({
  name: 'chuanglan',
  title: 'Chuanglan 253',
  settings,
  channel: 'sms',
  takes: 'either',
  counts: 'as_ucs2',
  countsSign: true,
  maxCharacters: 536,
  requestsPerSecond: 0,
  givesReceipts: true,
  errors: ERRORS,
  open: ({ api, endpoint, account, password, push_receiver, push_password }) => {
    const pushLogin = { receiver: push_receiver, password: push_password }
    const common = { account, password, pushLogin }
    const opened =
      api === 'domestic'
        ? domesticAccount({ ...common, base: endpoint ?? 'https://smssh1.253.com' })
        : {
            ...internationalAccount({ ...common, base: endpoint ?? 'https://intapi.253.com' }),
            // No page shows how a `templateId` gets its variables.
            traits: { takes: 'text', counts: 'by_alphabet' } as const,
          }
    return { ...opened, classify: (error) => classifyError(ERRORS, error) }
  },
})
