import { readFileSync } from 'node:fs'

/** What a mail had that comes back; what is absent, the sample does not say. */
export interface ReturnedMail {
  readonly returnPath?: string
  readonly envelopeId?: string
  readonly messageId?: string
  readonly recipient?: string
}

/** Samples of `test/fixtures/bounces` with what each says: see the page there. */
export const BOUNCE_SAMPLES = [
  ['postfix-unknown-user', 'failed', '5.1.1', 'recipient_unknown'],
  ['exim-refused', 'failed', '5.7.1', 'content_rejected'],
  ['exchange-not-found', 'failed', '5.1.10', 'recipient_unknown'],
  ['gmail-over-quota', 'failed', '5.2.2', 'recipient_busy'],
  ['postfix-delayed', 'pending', '4.4.1', null],
  ['rfc3464-delivered', 'delivered', '2.1.5', null],
] as const

/** One of {@link BOUNCE_SAMPLES}. */
export type BounceSample = (typeof BOUNCE_SAMPLES)[number][0]

/** A bounce of a mail, as it comes over a wire: its lines end in CRLF. */
export function bounceOf(
  sample: BounceSample,
  {
    returnPath = 'bounces@example.com',
    envelopeId = 'none',
    messageId = '<1@example.com>',
    recipient = 'nobody@example.org',
  }: ReturnedMail,
): string {
  const url = new URL(`../fixtures/bounces/${sample}.eml`, import.meta.url)
  return readFileSync(url, 'utf8')
    .replaceAll('{{return_path}}', returnPath)
    .replaceAll('{{envelope_id}}', envelopeId)
    .replaceAll('{{message_id}}', messageId)
    .replaceAll('{{recipient}}', recipient)
    .replaceAll('\n', '\r\n')
}
