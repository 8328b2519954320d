import type { HttpCarrierConfig } from '../config/http-carriers.ts'
import { WHOLE_TEXT } from '../core/channel.ts'
import { EncodingError } from '../encoding/errors.ts'
import { countSegments, planText } from '../encoding/segment.ts'
import type { ProviderTemplate } from '../providers/provider.ts'
import type { Content, ContentLayout } from './carrier.ts'
import type { OpenedAccount } from './provider-account.ts'

const UDH_INDICATOR = 0x40

/**
 * How a content will be counted by a provider.
 *
 * @throws {EncodingError} when the provider does not take it
 */
export function httpLayout(
  opened: OpenedAccount,
  config: HttpCarrierConfig,
  content: Content,
): ContentLayout {
  const { traits, title } = opened
  const { counts, countsSign, maxCharacters = Number.POSITIVE_INFINITY, maxOctets } = traits
  const { sign } = config
  const text = textOf(content)
  templateFor(opened, config, content, text)
  if (text.length > maxCharacters) {
    const message = `${title} takes ${maxCharacters} characters, and these are ${text.length}`
    throw new EncodingError('text_too_long', message)
  }
  checkOctets(text, maxOctets, title)
  if (traits.channel !== 'sms') return WHOLE_TEXT
  const shown = countsSign && sign !== '' ? `【${sign}】${text}` : text
  const { requestedEncoding, maxSegments } = content
  const options = {
    encoding: counts === 'as_ucs2' ? 'ucs2' : requestedEncoding,
    maxSegments: maxSegments ?? undefined,
  } as const
  const { encoding } = planText(shown, options)
  return { encoding, segments: countSegments(shown, options) }
}

function checkOctets(text: string, maxOctets = Number.POSITIVE_INFINITY, title: string): void {
  const octets = Buffer.byteLength(text, 'utf8')
  if (octets <= maxOctets) return
  const message = `${title} takes ${maxOctets} octets of UTF-8, and these are ${octets}`
  throw new EncodingError('text_too_long', message)
}

/**
 * The text of a content as a provider would send it.
 *
 * @throws {EncodingError} where it has none: octets, or one segment of several
 */
export function textOf({ text, raw, passThrough }: Content): string {
  if (raw === null) return text
  const isPart = (raw.esmClass & UDH_INDICATOR) !== 0 || passThrough?.concat !== undefined
  if (text !== '' && !isPart) return text
  const what = isPart ? 'one segment of a long message' : 'octets'
  throw new EncodingError('options_invalid', `a provider sends texts, and this is ${what}`)
}

/**
 * The provider's template for a content; null where it goes as a text.
 *
 * @throws {EncodingError} where the provider sends templates only and none is set for it
 */
export function templateFor(
  { traits: { takes }, title }: OpenedAccount,
  { textTemplate, templates }: HttpCarrierConfig,
  content: Pick<Content, 'template'>,
  text: string,
): (ProviderTemplate & { readonly sign: string | undefined }) | null {
  const { template } = content
  const own = template && templates.find((each) => each.template === template.id)
  if (own) {
    const variables = own.variables.map((name) => ({ name, value: template.variables[name] ?? '' }))
    return { id: own.id, variables, sign: own.sign }
  }
  if (takes === 'text') return null
  if (textTemplate) {
    const variables = [{ name: textTemplate.variable, value: text }]
    return { id: textTemplate.id, variables, sign: undefined }
  }
  if (takes === 'either') return null
  const missing = template ? `for the template ${template.id}` : 'for texts'
  throw new EncodingError(
    'options_invalid',
    `${title} sends templates only, and none is set ${missing}`,
  )
}

/** Names all that laying a content out goes by. */
export function httpLayoutKey(config: HttpCarrierConfig, { traits }: OpenedAccount): string {
  const { sign, templates, textTemplate } = config
  const names = templates.map(({ template }) => template).sort()
  return JSON.stringify([traits, sign, textTemplate !== undefined, names])
}
