import type { z } from 'zod'
import { choice, integer, requiredText, text } from '../settings/field.ts'

/** How a mail server is reached. */
export interface MailServerConfig {
  readonly host: string
  readonly port: number
  /** TLS after a command, from the first octet, or not at all. */
  readonly tls: MailTls
  readonly login: { readonly username: string; readonly password: string } | undefined
}

/** How a connection to a mail server is encrypted. */
export type MailTls = (typeof MAIL_TLS)[number]

const MAIL_TLS = ['starttls', 'implicit', 'none'] as const

/** A mail address, as settings have it; one that a server would refuse may still be among them. */
export const MAIL_ADDRESS = /^[^\s@<>,;]{1,64}@[^\s@<>,;]{1,190}$/
/** {@link MAIL_ADDRESS} in words. */
export const MAIL_ADDRESS_ALLOWED = 'a mail address'

/** {@link MailServerConfig} as it is written in the file. */
export const mailServerShape = {
  host: requiredText(/^[^\s/]{1,253}$/, 'a host name or an address', {
    about: 'The mail server (SMTP).',
  }),
  port: integer(1, 65_535, 587, { about: 'Its port.' }),
  tls: choice(MAIL_TLS, 'starttls', {
    about: 'TLS after STARTTLS, which the server must offer; from the first octet; or not at all.',
  }),
  username: text(/^.{0,200}$/, 'up to 200 characters', '', {
    about: 'Account at the mail server; empty: it wants none.',
  }),
  password: text(/^.{0,200}$/, 'up to 200 characters', '', {
    about: 'Password of that account.',
    isSecret: true,
  }),
} as const

/** What the file says of a mail server. */
export function toMailServer({
  host,
  port,
  tls,
  username,
  password,
}: z.output<z.ZodObject<typeof mailServerShape>>): MailServerConfig {
  return { host, port, tls, login: username === '' ? undefined : { username, password } }
}

/** The same in the names of nodemailer's options. */
export function transportOptions({ host, port, tls, login }: MailServerConfig) {
  return {
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    ...(login ? { auth: { user: login.username, pass: login.password } } : {}),
  }
}
