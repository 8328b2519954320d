import type { Access } from './accounts/access.ts'
import type { Auditing } from './auditing.ts'
import type { PartnerConfig } from './config/partners.ts'
import type { SmppConfig } from './config/smpp-listeners.ts'
import { partnerAccounts } from './live-partners.ts'
import { PartnerMessages } from './messages/partner-messages.ts'
import type { PolicyFor } from './messages/settle.ts'
import { Superseding, type SupersedingOptions } from './messages/superseding.ts'
import { MessageIds } from './partners/message-ids.ts'
import { PartnerServer, type PartnerServerOptions } from './partners/partner-server.ts'
import { Replacing } from './partners/replacing.ts'
import { PartnerRequests, type PartnerRequestsOptions } from './partners/requests.ts'
import { statusInfo } from './smpp/status.ts'
import type { Store } from './store/open.ts'
import type { Metrics } from './telemetry/metrics.ts'

/** What {@link openPartners} works with: what partners ask is done by the same parts as over HTTP. */
export interface OpenPartnersOptions
  extends SupersedingOptions,
    Pick<
      PartnerRequestsOptions,
      'intake' | 'keys' | 'archive' | 'cancellation' | 'replacement' | 'limits'
    >,
    Pick<PartnerServerOptions, 'receipts' | 'teller' | 'recorder' | 'logger' | 'clock'> {
  readonly config: SmppConfig
  readonly partnerConfigs: readonly PartnerConfig[]
  readonly access: Access
  readonly policyFor: PolicyFor
  readonly store: Store
  readonly metrics: Metrics
  readonly auditing: Auditing
}

/** Makes the front door of partners; it listens from its `start`. */
export function openPartners(options: OpenPartnersOptions): PartnerServer {
  const { partnerConfigs, access, policyFor, dispatcher, metrics, auditing } = options
  const messages = new PartnerMessages(options)
  return new PartnerServer({
    ...options,
    accounts: partnerAccounts(partnerConfigs, access, policyFor),
    requests: new PartnerRequests({
      ...options,
      messages,
      replacing: new Replacing({ messages, superseding: new Superseding(options) }),
      ids: new MessageIds(options),
      congestion: () => dispatcher.fillPercent,
    }),
    onBind: (bind) => {
      if (bind.refusal) metrics.bindRefused(bind.refusal)
      auditing.bindJudged(bind)
    },
    onConnectionRefused: (reason) => metrics.connectionRefused(reason),
    onRequestRefused: (command, status) => metrics.requestRefused(command, statusInfo(status).name),
  })
}
