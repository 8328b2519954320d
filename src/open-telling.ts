import type { Config } from './config/schema.ts'
import type { Clock } from './core/clock.ts'
import type { Logger } from './core/logger.ts'
import type { InboundMessage } from './inbound/inbound-message.ts'
import type { Message } from './messages/message.ts'
import { OutboxLog } from './messages/outbox-log.ts'
import { owesReceipt, wantsIntermediate } from './messages/recipients.ts'
import type { Spool } from './messages/spool.ts'
import { isFinal, MESSAGE_STATUSES, type MessageStatus } from './messages/states.ts'
import type { TableWriter } from './messages/table-writer.ts'
import { Teller } from './messages/teller.ts'
import type { TellingRecipient } from './messages/telling.ts'
import { isForPartner } from './messages/tracker.ts'
import { Alerts } from './partners/alerts.ts'
import { partnerRecipient, ReceiptTransport } from './partners/receipt-transport.ts'
import type { Store } from './store/open.ts'
import { VERSION } from './version.ts'
import { AddressGuard } from './webhooks/address-guard.ts'
import { Endpoints } from './webhooks/endpoints.ts'
import { PosterThread } from './webhooks/poster-thread.ts'
import { WebhookSender, type WebhookSenderOptions } from './webhooks/sender.ts'

/** The states that senders are told of. */
const ANNOUNCED: ReadonlySet<MessageStatus> = new Set(['sent', ...MESSAGE_STATUSES.filter(isFinal)])

const NOBODY: readonly TellingRecipient[] = []

/** What {@link openTelling} works with. */
export interface OpenTellingOptions {
  readonly config: Config['webhooks']
  readonly store: Store
  readonly spool: Spool
  readonly tables: TableWriter
  readonly onEndpointDisabled: NonNullable<WebhookSenderOptions['onDisabled']>
  readonly logger: Logger
  readonly clock: Clock
}

/** Who is told what, by webhooks and over SMPP. */
export interface OpenTelling {
  /** Where webhooks may go. */
  readonly addressGuard: AddressGuard
  readonly endpoints: Endpoints
  readonly poster: PosterThread
  readonly webhookSender: WebhookSender
  readonly webhookEvents: OutboxLog
  readonly receipts: ReceiptTransport
  /** Handsets that are there again, for the partners that wait for them. */
  readonly handsetAlerts: Alerts
  readonly teller: Teller
  /** Who is told that a message has come to a state. */
  recipientsFor(message: Message, status: MessageStatus): readonly TellingRecipient[]
  /** Who is told what a carrier says of a message on the way. */
  intermediateFor(message: Message): readonly TellingRecipient[]
  /** Who is told of a message of a handset. */
  inboundRecipients(message: InboundMessage): readonly TellingRecipient[]
  /** Who is told that a tenant's balance is low. */
  balanceRecipients(tenantId: string): readonly TellingRecipient[]
  /** Begins to tell, also what earlier runs have left. */
  start(): Promise<void>
  /** Lets what is being told come to its end; what then waits is told by the next run. */
  close(): Promise<void>
}

/** Reads the endpoints, and connects the queues of what is to be told with both ways of telling it. */
export async function openTelling(options: OpenTellingOptions): Promise<OpenTelling> {
  const { config, store, spool, tables, onEndpointDisabled, logger, clock } = options
  const receipts = new ReceiptTransport(logger, clock)
  const addressGuard = new AddressGuard(config)
  const endpoints = await Endpoints.open(store, addressGuard, clock)
  const poster = new PosterThread({ ...config, version: VERSION }, logger)
  const webhookSender = new WebhookSender({
    endpoints,
    guard: addressGuard,
    logger,
    poster,
    clock,
    onReady: (recipient) => teller.wake(recipient),
    onDisabled: onEndpointDisabled,
  })
  const teller = new Teller({
    store,
    spool,
    tables,
    transportFor: (recipient) => (isForPartner(recipient) ? receipts : webhookSender),
    logger,
    clock,
  })
  return {
    addressGuard,
    endpoints,
    poster,
    webhookSender,
    webhookEvents: new OutboxLog(store, tables, teller),
    receipts,
    handsetAlerts: new Alerts(receipts, clock),
    teller,
    recipientsFor(message, status) {
      if (!ANNOUNCED.has(status)) return NOBODY
      // A callback is told the end; whoever wants more makes an endpoint.
      const callbackUrl = isFinal(status) ? message.callbackUrl : null
      const hooks = endpoints.recipientsFor(message.tenantId, `message.${status}`, callbackUrl)
      if (!owesReceipt(message, status)) return hooks
      return [...hooks, partnerOf(message)]
    },
    intermediateFor: (message) => (wantsIntermediate(message) ? [partnerOf(message)] : NOBODY),
    inboundRecipients({ tenantId, partner }) {
      if (tenantId === null) return NOBODY
      const hooks = endpoints.recipientsFor(tenantId, 'message.received', null)
      return partner === null ? hooks : [...hooks, partnerOf({ partner })]
    },
    balanceRecipients: (tenantId) => endpoints.recipientsFor(tenantId, 'balance.low', null),
    start: () => teller.start(),
    async close() {
      await teller.close()
      await webhookSender.close()
    },
  }
}

function partnerOf({ partner }: Pick<Message, 'partner'>): TellingRecipient {
  return { recipient: partnerRecipient(partner ?? ''), url: null }
}
