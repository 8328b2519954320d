import type { Carrier, SubmitMark } from './carriers/carrier.ts'
import type { HttpCarrierConfig } from './config/http-carriers.ts'
import type { SmppCarrierConfig } from './config/smpp-carriers.ts'
import type { SmtpCarrierConfig } from './config/smtp-carriers.ts'
import type { BindReader, BindReport, PduReport } from './http/routes/binds.ts'
import type { TracedMessage, TraceReport } from './http/routes/trace.ts'
import { idsMatch } from './smpp/id-profile.ts'
import { maskPdu } from './smpp/mask.ts'
import { writePcap } from './smpp/pcap.ts'
import type { RecordedPdu } from './smpp/pdu-ring.ts'
import { viewPdu } from './smpp/pdu-view.ts'
import type { Recorder, Recording } from './smpp/recorder.ts'
import type { SessionCounters } from './smpp/session-counters.ts'
import { type TracedPdu, tracePdus } from './smpp/trace.ts'

/** What {@link Binds} works with. */
export interface BindsOptions {
  readonly recorder: Recorder
  /** Those that there are, at any time. */
  readonly carriers: ReadonlyMap<string, BoundCarrier>
}

/** What is shown of a carrier. */
type BoundCarrier = Pick<Carrier, 'name' | 'binds'> & {
  readonly config:
    | Pick<SmppCarrierConfig, 'type' | 'systemId' | 'messageIdProfile'>
    | Pick<HttpCarrierConfig | SmtpCarrierConfig, 'type'>
}

/** Digits by which two spellings of a number are the same: with or without a country code. */
const COMPARED_DIGITS = 8

/** Shows the HTTP side the connections, and what the recorder has of them. */
export class Binds implements BindReader {
  readonly #recorder: Recorder
  readonly #carriers: BindsOptions['carriers']

  constructor({ recorder, carriers }: BindsOptions) {
    this.#recorder = recorder
    this.#carriers = carriers
  }

  list(): readonly BindReport[] {
    return [...this.#recorder.recordings.map(reportOf), ...this.#missing()]
  }

  find(id: string): BindReport | undefined {
    const recording = this.#recorder.find(id)
    return recording && reportOf(recording)
  }

  pdus(id: string, limit: number, showTexts: boolean): PduReport[] | undefined {
    const pdus = this.#recorder.find(id)?.pdus().slice(-limit)
    return pdus?.map((pdu) => pduReport(pdu, showTexts))
  }

  capture(id: string, showTexts: boolean): Buffer | undefined {
    const recording = this.#recorder.find(id)
    if (!recording) return undefined
    const passages = recording
      .pdus()
      .map((pdu) => ({ ...pdu, octets: maskPdu(pdu, { showTexts }) }))
    return writePcap({ local: recording.local, remote: recording.remote, passages })
  }

  /** The PDUs about a message that are still recorded, oldest first. */
  trace(message: TracedMessage, showTexts: boolean): TraceReport[] {
    return this.#recorder.recordings
      .flatMap((recording) =>
        recording.role === 'esme'
          ? this.#atCarrier(recording, message)
          : atPartner(recording, message),
      )
      .sort((one, other) => one.pdu.at - other.pdu.at)
      .map(({ recording, pdu }) => ({
        ...pduReport(pdu, showTexts),
        side: sideOf(recording),
        name: recording.owner ?? '',
        bind: recording.label,
      }))
  }

  #atCarrier(recording: Recording, message: TracedMessage): TracedPdu[] {
    const ids = message.submits.flatMap(({ carrier, carrierMessageId }) =>
      carrier === recording.owner && carrierMessageId ? [carrierMessageId] : [],
    )
    const config = this.#carriers.get(recording.owner ?? '')?.config
    const profile = config?.type === 'smpp' ? config.messageIdProfile : 'exact'
    return tracePdus(recording, {
      isTag: (tag) => (tag as SubmitMark).messageId === message.id,
      // Carriers use ids again: what merely has the id may be about the message of somebody else.
      isId: () => false,
      isReceipt: (named, addresses) =>
        named.some((receiptId) => ids.some((id) => idsMatch(id, receiptId, profile))) &&
        addresses.some((address) => isSameNumber(address, message.to)),
    })
  }

  /** Binds that carriers should have and have not at present. */
  #missing(): BindReport[] {
    const open = new Set(
      this.#recorder.recordings
        .filter(({ role, endedAt }) => role === 'esme' && endedAt === null)
        .map(({ owner, label }) => `${owner} ${label}`),
    )
    return [...this.#carriers.values()].flatMap(({ name, binds, config }) =>
      binds
        .filter(({ bind }) => !open.has(`${name} ${bind}`))
        .map(({ bind, state, lastError }) => ({
          id: null,
          side: 'carrier' as const,
          name,
          bind,
          system_id: config.type === 'smpp' ? config.systemId : null,
          state,
          tls: null,
          local: null,
          remote: null,
          opened_at: null,
          bound_at: null,
          ended_at: null,
          end_reason: null,
          last_error: lastError,
          pdus_kept: 0,
          pdus_dropped: 0,
          counters: null,
        })),
    )
  }
}

/** Our ids are nobody else's, and a partner's connections are one tenant's. */
function atPartner(recording: Recording, message: TracedMessage): TracedPdu[] {
  if (recording.owner === null || recording.owner !== message.partner) return []
  const isId = (id: string) => id.toLowerCase() === message.id
  return tracePdus(recording, { isTag: () => false, isId, isReceipt: (ids) => ids.some(isId) })
}

function isSameNumber(address: string, number: string): boolean {
  const digits = (text: string) => text.replace(/\D/g, '').slice(-COMPARED_DIGITS)
  return digits(address) === digits(number)
}

function sideOf({ role }: Recording): 'carrier' | 'partner' {
  return role === 'esme' ? 'carrier' : 'partner'
}

function reportOf(recording: Recording): BindReport {
  const { counters } = recording
  return {
    id: recording.id,
    side: sideOf(recording),
    name: recording.owner,
    bind: recording.label,
    system_id: recording.systemId,
    state: recording.state,
    tls: recording.isTls,
    local: recording.local,
    remote: recording.remote,
    opened_at: instantText(recording.openedAt),
    bound_at: instantText(recording.boundAt),
    ended_at: instantText(recording.endedAt),
    end_reason: recording.endReason,
    last_error: null,
    pdus_kept: recording.size,
    pdus_dropped: recording.dropped,
    counters: counters ? countersReport(counters) : null,
  }
}

function countersReport(counters: SessionCounters): NonNullable<BindReport['counters']> {
  return {
    octets_in: counters.octetsIn,
    octets_out: counters.octetsOut,
    pdus_in: counters.pdusIn,
    pdus_out: counters.pdusOut,
    received_by_command: { ...counters.receivedByCommand } as Record<string, number>,
    sent_by_command: { ...counters.sentByCommand } as Record<string, number>,
    requests_sent: counters.requestsSent,
    responses_matched: counters.responsesMatched,
    responses_late: counters.responsesLate,
    responses_unmatched: counters.responsesUnmatched,
    requests_timed_out: counters.requestsTimedOut,
    requests_failed: counters.requestsFailed,
    requests_received: counters.requestsReceived,
    replies_sent: counters.repliesSent,
    replies_dropped: counters.repliesDropped,
    requests_unanswered: counters.requestsUnanswered,
    pdu_errors: counters.pduErrors,
  }
}

function pduReport(pdu: RecordedPdu, showTexts: boolean): PduReport {
  const { at, tlvs, ...view } = viewPdu(pdu, { showTexts })
  return { ...view, tlvs: [...tlvs], at: at.toISOString() }
}

function instantText(at: number): string
function instantText(at: number | null): string | null
function instantText(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString()
}
