import { z } from 'zod'
import { type MessageTemplate, TEMPLATE_ID } from '../core/message-template.ts'
import { list, mapping, optionalText, requiredText, setting } from '../settings/field.ts'
import { NAME, NAME_ALLOWED } from '../settings/forms.ts'

/** A template that messages are made from. */
export interface TemplateConfig extends MessageTemplate {
  /** Names of tenants; undefined: all. */
  readonly tenants: readonly string[] | undefined
}

const TEXT = /^[^\0]{1,10000}$/s
const TEXT_ALLOWED = '1 to 10,000 characters'
const SUBJECT = /^[^\p{Cc}]{1,200}$/u
const SUBJECT_ALLOWED = '1 to 200 characters on one line'
const HTML = /^[^\0]{1,100000}$/s
const HTML_ALLOWED = '1 to 100,000 characters'

function optionalMapping<S extends z.ZodObject>(fields: S, about: string) {
  return setting(fields.optional(), { about, allowed: 'a mapping', defaultText: 'none' })
}

const email = mapping({
  subject: requiredText(SUBJECT, SUBJECT_ALLOWED, { about: 'Its subject; with variables.' }),
  text: optionalText(TEXT, TEXT_ALLOWED, {
    about: 'What it says as plain text; left out, `text` of the template.',
  }),
  html: optionalText(HTML, HTML_ALLOWED, {
    about: 'The same as HTML, sent beside the text; values of variables are escaped.',
  }),
})

function ownText(title: string) {
  const text = requiredText(TEXT, TEXT_ALLOWED, { about: `What it says by ${title}.` })
  return optionalMapping(mapping({ text }), `Words of its own for ${title}.`)
}

const template = mapping({
  id: requiredText(TEMPLATE_ID, NAME_ALLOWED, {
    about: 'What messages name it by, unique in the file.',
  }),
  text: requiredText(TEXT, TEXT_ALLOWED, {
    about: 'What it says; `{{name}}` is the place of a variable.',
  }),
  email: optionalMapping(email, 'What it says by e-mail; left out, no e-mail can be made from it.'),
  wecom: ownText('WeCom'),
  dingtalk: ownText('DingTalk'),
  webhook: ownText('webhook'),
  tenants: setting(
    list(z.string().regex(NAME, { error: NAME_ALLOWED }), 'a list of names of tenants')
      .min(1, { error: 'a list of names of tenants' })
      .optional(),
    {
      about: 'Who may use it; left out, every tenant.',
      allowed: 'a list of names of tenants',
      defaultText: 'none',
      isText: true,
    },
  ),
})

/** The `templates` section of the file. */
export const templatesSchema = setting(list(template, 'a list of mappings').default([]), {
  about: 'Texts that messages are made from by `template` and `variables`.',
  allowed: 'a list of mappings',
  defaultText: '[]',
})

/** The section as the gateway goes by it. */
export function toTemplates(section: z.output<typeof templatesSchema>): TemplateConfig[] {
  return section.map((entry) => ({ ...entry, tenants: entry.tenants }))
}
