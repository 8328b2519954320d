import type { Channel } from './channel.ts'
import { GatewayError } from './errors.ts'

/** A template of ours, filled: providers that send only their own are told by it what to send. */
export interface ContentTemplate {
  readonly id: string
  readonly variables: Readonly<Record<string, string>>
}

/** What an e-mail says beside its text. */
export interface MailContent {
  readonly subject: string
  /** The same as HTML; null: it is text only. */
  readonly html: string | null
}

/** Texts with places for variables, `{{name}}`. */
export interface MessageTemplate {
  readonly id: string
  /** What it says by SMS, and by each channel that has no words of its own. */
  readonly text: string
  /** Absent: no e-mail can be made from it. */
  readonly email?: MailTemplate | undefined
  readonly wecom?: { readonly text: string } | undefined
  readonly dingtalk?: { readonly text: string } | undefined
  readonly webhook?: { readonly text: string } | undefined
}

/** What a template says by e-mail. */
export interface MailTemplate {
  readonly subject: string
  /** Undefined: the text of the template. */
  readonly text?: string | undefined
  /** Values are escaped in it. */
  readonly html?: string | undefined
}

/** What a message says that was made from a template. */
export interface FilledTemplate {
  readonly text: string
  /** Null for what is no e-mail. */
  readonly mail: MailContent | null
}

/** What a template is called. */
export const TEMPLATE_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/

const PLACE = /\{\{\s*([A-Za-z_][A-Za-z0-9_]{0,62})\s*\}\}/g

/** The names of the variables of a text, each once, in the order in which they come. */
export function variablesOf(text: string): string[] {
  return [...new Set([...text.matchAll(PLACE)].map(([, name = '']) => name))]
}

/**
 * What a template says by a channel, its variables filled in; what stands in a variable is never read as a place.
 * Variables that it has for other channels may be given as well.
 *
 * @throws {GatewayError} `template_channel_missing`, `template_variable_missing`, `template_variable_unknown`
 */
export function fillTemplate(
  template: MessageTemplate,
  channel: Channel,
  variables: Readonly<Record<string, string>>,
): FilledTemplate {
  const { id, email } = template
  if (channel === 'email' && !email) {
    const message = `the template ${id} has no "email": no e-mail can be made from it`
    throw new GatewayError('template_channel_missing', message, { pointer: '/template' })
  }
  const mail = channel === 'email' ? email : undefined
  const words = channel === 'sms' ? undefined : template[channel]
  const text = words?.text ?? template.text
  checkVariables(template, [text, mail?.subject ?? '', mail?.html ?? ''].join('\n'), variables)
  return {
    text: filled(text, variables),
    mail: mail
      ? {
          // A header is one line, whatever stands in a variable.
          subject: filled(mail.subject, variables).replace(LINE_BREAKS, ' '),
          html: mail.html === undefined ? null : filled(mail.html, variables, escapedHtml),
        }
      : null,
  }
}

const LINE_BREAKS = /\p{Cc}+/gu

/** @param said - all that the channel makes of it */
function checkVariables(
  template: MessageTemplate,
  said: string,
  variables: Readonly<Record<string, string>>,
): void {
  const { id } = template
  const names = variablesOf(said)
  const wanted = names.length === 0 ? 'none' : names.join(', ')
  const missing = names.find((name) => !Object.hasOwn(variables, name))
  if (missing !== undefined) {
    const message = `the template ${id} has the variable ${missing}, which is missing; it has: ${wanted}`
    throw new GatewayError('template_variable_missing', message, { pointer: '/variables' })
  }
  const known = variablesOf(allTexts(template))
  const unknown = Object.keys(variables).find((name) => !known.includes(name))
  if (unknown !== undefined) {
    const message = `the template ${id} has no variable ${JSON.stringify(unknown)}; it has: ${wanted}`
    throw new GatewayError('template_variable_unknown', message, {
      pointer: `/variables/${unknown.replaceAll('~', '~0').replaceAll('/', '~1')}`,
    })
  }
}

function allTexts({ text, email, wecom, dingtalk, webhook }: MessageTemplate): string {
  const mail = [email?.subject, email?.text, email?.html]
  return [text, ...mail, wecom?.text, dingtalk?.text, webhook?.text].join('\n')
}

function filled(
  text: string,
  variables: Readonly<Record<string, string>>,
  written: (value: string) => string = (value) => value,
): string {
  return text.replace(PLACE, (_place, name: string) => written(variables[name] ?? ''))
}

const HTML_MARKS: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapedHtml(value: string): string {
  return value.replace(/[&<>"']/g, (mark) => HTML_MARKS[mark] ?? mark)
}
