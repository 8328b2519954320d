import type { AlertMailConfig } from '../config/alerts.ts'
import { transportOptions } from '../config/mail-server.ts'

/** Time for the mail server, in milliseconds. */
const TIMEOUT_MS = 20_000

/** Sends one mail; rejects when the server has not taken it. */
export type SendMail = (subject: string, text: string) => Promise<void>

/** Sends mails over SMTP, each over a connection of its own: there is one in a minute at most. */
export function mailSender({ from, to, ...server }: AlertMailConfig): SendMail {
  return async (subject, text) => {
    // A third of the gateway's start would be the loading of a package that few need.
    const { createTransport } = await import('nodemailer')
    const transport = createTransport({
      ...transportOptions(server),
      connectionTimeout: TIMEOUT_MS,
      greetingTimeout: TIMEOUT_MS,
      socketTimeout: TIMEOUT_MS,
    })
    try {
      await transport.sendMail({ from, to: [...to], subject, text })
    } finally {
      transport.close()
    }
  }
}
