import type { Carrier } from './carriers/carrier.ts'
import type { CarrierBalance } from './http/routes/carriers.ts'
import type { PartnerStanding } from './http/routes/partners.ts'
import type { Dispatcher } from './messages/dispatcher.ts'
import type { PartnerServer } from './partners/partner-server.ts'

/** How the carriers stand, in the form of the HTTP interface. */
export function carrierReports(carriers: ReadonlyMap<string, Carrier>, dispatcher: Dispatcher) {
  const waiting = new Map(dispatcher.queueLengths().map((lane) => [lane.carrier, lane.waiting]))
  return [...carriers.values()].map((carrier) => ({
    name: carrier.name,
    type: carrier.type,
    channel: carrier.channel,
    is_up: carrier.isUp,
    waiting: waiting.get(carrier.name) ?? 0,
    segments_per_second: Math.round(carrier.segmentsPerSecond * 10) / 10,
    binds: carrier.binds.map(({ bind, host, state, lastError }) => ({
      bind,
      host,
      state,
      last_error: lastError,
    })),
  }))
}

/** What is left of our account at a carrier, in the form of the HTTP interface. */
export async function carrierBalance(carrier: Carrier | undefined): Promise<CarrierBalance> {
  const outcome = await carrier?.balance?.()
  switch (outcome?.kind) {
    case 'told':
      return { balance: { amount: outcome.amount, unit: outcome.unit }, error: null }
    case 'no_answer':
      return { balance: null, error: outcome.reason }
    default:
      return { balance: null, error: null }
  }
}

/** How the partners of a tenant stand, in the form of the HTTP interface. */
export function partnerReports(partners: PartnerServer, tenantId: string): PartnerStanding[] {
  return partners.reports
    .filter(({ account }) => account.tenant.id === tenantId)
    .map(({ account: { systemId, access }, sessions }) => ({
      system_id: systemId,
      max_binds: access.maxBinds || null,
      sessions: sessions.map((session) => ({
        bind_type: session.bindType,
        address: session.address,
        tls: session.tls,
        since: session.since.toISOString(),
        unanswered_by_partner: session.unansweredByPartner,
        unanswered_by_us: session.unansweredByUs,
      })),
    }))
}
