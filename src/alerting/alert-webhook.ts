import type { AlertsConfig } from '../config/alerts.ts'
import { AddressGuard } from '../webhooks/address-guard.ts'
import { LocalPoster } from '../webhooks/poster.ts'

/** Posts to the operator's address. */
export interface AlertWebhook {
  /** Rejects when the address has not answered with 2xx. */
  post(id: string, at: Date, body: string): Promise<void>
  close(): Promise<void>
}

/**
 * Posts alerts, signed as Standard Webhooks.
 *
 * The address stands in the operator's own file: it may be one of the operator's own network.
 */
export function alertWebhook(
  { url, secret }: NonNullable<AlertsConfig['webhook']>,
  version: string,
): AlertWebhook {
  const guard = new AddressGuard({ allowPrivateAddresses: true })
  const target = guard.target(url, '/alerts/webhook_url')
  const poster = new LocalPoster({ guard, version })
  return {
    post: (id, at, body) =>
      new Promise((resolve, reject) => {
        const timestamp = Math.floor(at.getTime() / 1_000)
        poster.post({ target, id, timestamp, body, secrets: [secret] }, ({ status, error }) => {
          if (status !== null && status >= 200 && status < 300) resolve()
          else reject(new Error(error ?? `it answered with ${status}`))
        })
      }),
    close: () => poster.close(),
  }
}
