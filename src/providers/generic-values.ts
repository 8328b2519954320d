import { type NumberForm, writtenNumber } from './generic-numbers.ts'
import type { GenericSettings } from './generic-settings.ts'
import { parseTemplate, rendered, type Values } from './generic-template.ts'
import { writtenTime } from './generic-time.ts'
import type { Call, ProviderMessage, ProviderTemplate } from './provider.ts'

/** What an account writes alike in all its calls. */
export interface Writing {
  readonly zone: string
  readonly numbers: NumberForm
  readonly separator: string
  readonly credentials: ReadonlyMap<string, string>
  /** The templates of {encoded:…}. */
  readonly encoded: GenericSettings['auth']['encoded']
}

/** What {@link GenericSettings} say of it. */
export function writingOf(settings: GenericSettings): Writing {
  return {
    zone: settings.time_zone,
    numbers: {
      format: settings.channel === 'sms' ? settings.number_format : 'as_is',
      country: settings.national_code ?? '',
      digits: settings.national_digits ?? 0,
      foreign: settings.foreign_prefix,
    },
    separator: settings.batch_separator,
    credentials: new Map(settings.credentials.map(({ name, secret }) => [name, secret])),
    encoded: settings.auth.encoded,
  }
}

/** What placeholders stand for in a call that is about no message. */
export function callValues(call: Call, writing: Writing): Values {
  const values: Values = ({ name, argument }) => {
    switch (name) {
      case 'now':
        return writtenTime(call.now, argument, writing.zone)
      case 'nonce':
        return nonceIn(call.nonce, argument)
      case 'token':
        return call.token
      case 'credential':
        return writing.credentials.get(argument)
      case 'encoded': {
        const text = rendered(parseTemplate(writing.encoded[argument] ?? ''), values)
        return Buffer.from(text, 'utf8').toString('base64')
      }
      default:
        return undefined
    }
  }
  return values
}

/** What they stand for in a call that sends messages: of what differs, that of the first. */
export function messageValues(
  messages: readonly ProviderMessage[],
  call: Call,
  writing: Writing,
): Values {
  const [first] = messages
  const numbers = messages.map(({ to }) => writtenNumber(to, writing.numbers))
  const others = callValues(call, writing)
  if (!first) return others
  return (placeholder) => {
    const { name, argument } = placeholder
    switch (name) {
      case 'to':
        return argument === 'list' ? numbers : numbers.join(writing.separator)
      case 'from':
        return first.from
      case 'text':
        return first.text
      case 'id':
        return first.id
      case 'sign':
        if (argument === 'brackets') return first.sign === '' ? '' : `【${first.sign}】`
        return argument === 'number' ? numberIn(first.sign) : first.sign
      case 'template':
        return argument === 'number' ? numberIn(first.template?.id ?? '') : first.template?.id
      case 'variables':
        return first.template ? variablesOf(first.template, argument) : undefined
      case 'variable':
        return first.template?.variables.find((each) => each.name === argument)?.value
      case 'expires':
        return writtenTime(first.expiresAt, argument, writing.zone)
      case 'validity_seconds':
        return String(
          Math.max(1, Math.floor((first.expiresAt.getTime() - call.now.getTime()) / 1_000)),
        )
      case 'callback':
        return call.callbackUrl === null ? '' : `${call.callbackUrl}/${argument}`
      default:
        return others(placeholder)
    }
  }
}

/** A number for JSON, where it is one that keeps its digits. */
function numberIn(text: string): number | string {
  return /^(0|[1-9]\d{0,14})$/.test(text) ? Number(text) : text
}

function variablesOf({ variables }: ProviderTemplate, argument: string): unknown {
  const values = variables.map(({ value }) => value)
  if (argument === 'list') return values
  if (argument.startsWith('join ')) return values.join(argument.slice('join '.length))
  return Object.fromEntries(variables.map(({ name, value }) => [name, value]))
}

function nonceIn(hex: string, form: string): string {
  if (form === 'uuid') {
    // Version 4 of RFC 9562.
    const variant = ((Number.parseInt(hex.charAt(16), 16) & 3) | 8).toString(16)
    const digits = `${hex.slice(0, 12)}4${hex.slice(13, 16)}${variant}${hex.slice(17)}`
    return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  }
  // 18 digits at most: some read them as an integer of 64 bits.
  if (form === 'digits') return (BigInt(`0x${hex}`) % 10n ** 18n).toString()
  return hex
}
