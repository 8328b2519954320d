import { formatMicros, type Money } from '../core/money.ts'
import { isLoss, marginOf } from '../routing/tenant-price.ts'
import type { TimelineEvent } from './journal.ts'
import type { Message } from './message.ts'

/** The money of a message, as acceptance and replacement fix it. */
export type MessageMoney = Pick<
  Message,
  | 'priceMicros'
  | 'priceCurrency'
  | 'costMicros'
  | 'costCurrency'
  | 'carrierDeckVersion'
  | 'tenantDeckVersion'
>

/**
 * The line about a choice with what it costs and what is paid, where these are not the same by
 * definition. For the operator only: tenants are shown neither this nor the reasons beside it.
 */
export function withMoney(event: TimelineEvent, money: MessageMoney): TimelineEvent {
  if (money.tenantDeckVersion === null) return event
  const cost = { micros: money.costMicros, currency: money.costCurrency }
  const price = { micros: money.priceMicros, currency: money.priceCurrency }
  const margin = marginOf(cost, price)
  return {
    ...event,
    detail: {
      ...event.detail,
      money: {
        cost: shown(cost),
        price: shown(price),
        margin: margin
          ? { ...shown(margin), percent: margin.percent && Math.round(margin.percent * 100) / 100 }
          : null,
        loss_making: isLoss(margin),
        carrier_deck_version: money.carrierDeckVersion,
        tenant_deck_version: money.tenantDeckVersion,
      },
    },
  }
}

function shown({ micros, currency }: Money) {
  return { amount: formatMicros(micros), currency }
}
