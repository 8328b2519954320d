import { integer, list, mapping, optionalText, requiredText, setting } from '../settings/field.ts'

/** What is done with messages of handsets (MO). */
export interface InboundConfig {
  /** How long the missing parts of a long message are waited for. */
  readonly reassemblySeconds: number
  readonly routes: readonly InboundRouteConfig[]
}

/** Who gets the messages of handsets that fit; what is undefined fits all. */
export interface InboundRouteConfig {
  /** A number or short code of ours. */
  readonly to: string | undefined
  /** The first word of the text. */
  readonly keyword: string | undefined
  readonly carrier: string | undefined
  /** Name of a tenant; it exists. */
  readonly tenant: string
  /** system_id of a partner of that tenant. */
  readonly partner: string | undefined
}

const WORD = /^[^\s\0]{1,20}$/
const NAME = /^.{1,63}$/

const route = mapping({
  to: optionalText(/^\+?[0-9A-Za-z]{1,20}$/, 'a number or a short code', {
    about: 'The number or short code that the message was sent to; left out, any.',
    isText: true,
  }),
  keyword: optionalText(WORD, 'one word of up to 20 characters', {
    about: 'First word of the text, in any case; left out, any.',
    isText: true,
  }),
  carrier: optionalText(NAME, 'the name of a carrier of this file', {
    about: 'The carrier that it came from; left out, any.',
  }),
  tenant: requiredText(NAME, 'the name of a tenant', {
    about: 'Whose message it is: its webhooks get `message.received`.',
  }),
  partner: optionalText(NAME, 'the system_id of a partner of that tenant', {
    about: 'The partner that gets it over SMPP as well.',
  }),
})

/** The `inbound` section of the file. */
export const inboundSchema = setting(
  mapping({
    reassembly_seconds: integer(10, 86_400, 300, {
      about:
        'How long the missing parts of a long message are waited for; then it is told as it is.',
      unit: 'seconds',
    }),
    routes: setting(list(route, 'a list of routes').default([]), {
      about:
        'Whose a message is. Of several that fit the one with `to` counts, then the one with ' +
        '`keyword`, then the one with `carrier`. What fits none is kept, and nobody is told.',
      allowed: 'a list of mappings',
      defaultText: '[]',
    }),
  }).prefault({}),
  { about: 'Messages of handsets (MO).', allowed: 'a mapping', defaultText: '{}' },
)
