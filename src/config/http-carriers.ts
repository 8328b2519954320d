import { z } from 'zod'
import type { Channel } from '../core/channel.ts'
import { PROVIDERS } from '../providers/registry.ts'
import {
  flag,
  integer,
  list,
  mapping,
  optionalInteger,
  optionalText,
  requiredText,
  setting,
  text,
} from '../settings/field.ts'
import { type CallbackTerms, callbackTermsShape, toCallbackTerms } from './callback-terms.ts'
import { type CarrierTerms, carrierTermsShape, toTerms } from './carrier-terms.ts'
import { type Mistake, pathText } from './mistake.ts'

/** A template of ours at a provider. */
export interface TemplateAtProvider {
  /** Ours. */
  readonly template: string
  /** The provider's id of it. */
  readonly id: string
  /** Ours, in the order in which the provider's template has them. */
  readonly variables: readonly string[]
  /** The signature name that it goes under; undefined: that of the message. */
  readonly sign: string | undefined
}

/** A carrier reached over the API of a provider. */
export interface HttpCarrierConfig extends CarrierTerms {
  readonly type: 'http'
  /** Its name in `providers/registry.ts`. */
  readonly provider: string
  /** What the provider's own settings have made of the file. */
  readonly settings: object
  /** The signature name of messages whose sender has none in {@link signs}; empty: none. */
  readonly sign: string
  /** Signature names by sender. */
  readonly signs: Readonly<Record<string, string>>
  readonly templates: readonly TemplateAtProvider[]
  /** The provider's template for messages without one of ours: its variable is the whole text. */
  readonly textTemplate: { readonly id: string; readonly variable: string } | undefined
  readonly timeoutMs: number
  /** Calls at once, each on a connection of its own. */
  readonly connections: number
  /** Calls per second; 0: no limit is known. */
  readonly requestsPerSecond: number
  readonly batch: {
    /** Most messages of one call; undefined: as many as the provider takes. */
    readonly max: number | undefined
    /** How long a message waits for others that may go in the same call, in milliseconds; 0: not at all. */
    readonly waitMs: number
    readonly acrossTenants: boolean
  }
  /** URL of a proxy; undefined: none. */
  readonly proxy: string | undefined
  readonly callback: CallbackTerms & {
    /** Our address as the provider calls it, without `/delivery`; undefined: it is not told. */
    readonly url: string | undefined
  }
  /** How often reports are fetched; 0: never. */
  readonly pullMs: number
}

const URL_FORM = /^https?:\/\/[^\s?#]+$/
const SIGN = /^[^\r\n【】]{0,64}$/
const SIGN_ALLOWED = 'up to 64 characters, without brackets'
const IDENTIFIER = /^[^\s]{1,100}$/
const IDENTIFIER_ALLOWED = '1 to 100 characters without blanks'
const PAGES: Readonly<Record<Channel, string>> = {
  sms: 'providers.md',
  email: 'channels-providers.md',
  wecom: 'channels-providers.md',
  dingtalk: 'channels-providers.md',
  webhook: 'channels-providers.md',
}
const PROVIDER_NAMES = PROVIDERS.map(({ name }) => name)

const templateSchema = mapping({
  template: requiredText(IDENTIFIER, IDENTIFIER_ALLOWED, { about: 'Name of our template.' }),
  id: requiredText(IDENTIFIER, IDENTIFIER_ALLOWED, { about: "The provider's id of it." }),
  variables: setting(
    list(z.string().regex(IDENTIFIER, { error: IDENTIFIER_ALLOWED }), 'a list of names').default(
      [],
    ),
    {
      about: "Names of our variables, in the order of the provider's template.",
      allowed: 'a list of names',
      defaultText: '[]',
      isText: true,
    },
  ),
  sign: optionalText(SIGN, SIGN_ALLOWED, {
    about: 'Signature name that it goes under, where that is not the one of the message.',
  }),
})

/** A carrier reached over the API of a provider, as it is written in the file. */
export const httpCarrierSchema = mapping({
  ...carrierTermsShape,
  type: z.literal('http'),
  ...Object.fromEntries(
    PROVIDERS.map(({ name, title, channel, settings }) => [
      name,
      setting(settings.optional(), {
        about: `An account at ${title}, see [${PAGES[channel]}](${PAGES[channel]}).`,
        allowed: 'a mapping',
        defaultText: 'none',
      }),
    ]),
  ),
  sign: text(SIGN, SIGN_ALLOWED, '', {
    about:
      'Approved signature name (or its id, where the provider wants that) of messages whose sender has none in `signs`.',
  }),
  signs: setting(
    z
      .record(z.string(), z.string({ error: SIGN_ALLOWED }).regex(SIGN, { error: SIGN_ALLOWED }), {
        error: 'a mapping of senders to signature names',
      })
      .default({}),
    {
      about: 'Signature names by the sender of the message.',
      allowed: 'a mapping of senders to signature names',
      defaultText: '{}',
      isText: true,
    },
  ),
  templates: setting(list(templateSchema, 'a list of mappings').default([]), {
    about: 'Our templates at the provider.',
    allowed: 'a list of mappings',
    defaultText: '[]',
  }),
  text_template: setting(
    mapping({
      id: requiredText(IDENTIFIER, IDENTIFIER_ALLOWED, { about: "The provider's id of it." }),
      variable: requiredText(IDENTIFIER, IDENTIFIER_ALLOWED, {
        about: 'Its variable, which becomes the whole text.',
      }),
    }).optional(),
    {
      about:
        "The provider's template for messages without one of ours, where it sends templates only.",
      allowed: 'a mapping',
      defaultText: 'none',
    },
  ),
  timeout_seconds: integer(1, 120, 10, {
    about: 'Wait for an answer before the outcome counts as unknown.',
    unit: 'seconds',
  }),
  connections: integer(1, 1000, 20, { about: 'Calls at once, each on a connection of its own.' }),
  requests_per_second: optionalInteger(0, 100_000, {
    about:
      'Agreed calls per second; 0: no limit is known. Left out, what the provider documents. Below it, the pace follows what the provider takes.',
    unit: 'calls per second',
  }),
  batch_max: optionalInteger(1, 1000, {
    about: 'Most messages of one call; left out, as many as the provider takes.',
    unit: 'messages',
  }),
  batch_wait_ms: integer(0, 1000, 5, {
    about: 'How long a message waits for others that may go in the same call; 0: each goes alone.',
    unit: 'milliseconds',
  }),
  batch_across_tenants: flag(false, { about: 'Messages of several tenants may go in one call.' }),
  proxy: optionalText(URL_FORM, 'a URL', {
    about: 'HTTP proxy through which the provider is called.',
  }),
  callback_url: optionalText(URL_FORM, 'a URL without query', {
    about:
      'Our address for the callbacks of this carrier as the provider reaches it, without `/delivery` and `/mo`: told to providers that take it with each message.',
  }),
  ...callbackTermsShape,
  pull_seconds: integer(0, 86_400, 0, {
    about:
      'How often receipts and inbound messages are fetched, where the provider has calls for it; 0: they are not, because the provider pushes them.',
    unit: 'seconds',
  }),
})

type FileHttpCarrier = z.output<typeof httpCarrierSchema>

/** A carrier as the file has it; the cross-check has seen that there is one provider. */
export function toHttpCarrier(carrier: FileHttpCarrier): HttpCarrierConfig {
  const found = providersOf(carrier)[0]
  const { text_template: textTemplate } = carrier
  const settings = settingsOf(carrier, found?.name ?? '')
  const documented = found?.open(settings).requestsPerSecond ?? found?.requestsPerSecond ?? 0
  return {
    ...toTerms(carrier),
    type: 'http',
    provider: found?.name ?? '',
    settings,
    sign: carrier.sign,
    signs: carrier.signs,
    templates: carrier.templates.map(({ template, id, variables, sign }) => ({
      template,
      id,
      variables,
      sign,
    })),
    textTemplate,
    timeoutMs: carrier.timeout_seconds * 1_000,
    connections: carrier.connections,
    requestsPerSecond: carrier.requests_per_second ?? documented,
    batch: {
      max: carrier.batch_max,
      waitMs: carrier.batch_wait_ms,
      acrossTenants: carrier.batch_across_tenants,
    },
    proxy: carrier.proxy,
    callback: { url: carrier.callback_url, ...toCallbackTerms(carrier) },
    pullMs: carrier.pull_seconds * 1_000,
  }
}

/** What is wrong with an HTTP carrier as a whole. */
export function httpCarrierMistakes(
  path: readonly PropertyKey[],
  carrier: Readonly<Record<string, unknown>>,
): Mistake[] {
  const found = providersOf(carrier)
  if (found.length !== 1) {
    const problem =
      found.length === 0
        ? 'has no provider'
        : `has several providers: ${found.map(({ name }) => name).join(', ')}`
    return [
      { path: pathText(path), message: `${problem}; allowed: one of ${PROVIDER_NAMES.join(', ')}` },
    ]
  }
  const isReady = Array.isArray(carrier.templates) || carrier.text_template !== undefined
  if (found[0]?.takes !== 'template' || isReady) return []
  const message = `is missing, and so are templates: ${found[0].title} sends templates only`
  return [{ path: pathText([...path, 'text_template']), message }]
}

function settingsOf(carrier: object, provider: string): object {
  const found = Object.entries(carrier).find(([key]) => key === provider)
  return (found?.[1] as object | undefined) ?? {}
}

function providersOf(carrier: Readonly<Record<string, unknown>>) {
  return PROVIDERS.filter(({ name }) => carrier[name] !== undefined)
}
