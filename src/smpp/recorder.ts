import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { PduRing, type RecordedPdu } from './pdu-ring.ts'
import type { SessionCounters } from './session-counters.ts'
import type { SessionEndReason } from './session-options.ts'
import { isBoundState, type SessionRole, type SessionState } from './session-rules.ts'

/** What a {@link Recorder} keeps. */
export interface RecorderOptions {
  /** The latest PDUs of each bind; 0: none. */
  readonly pdusPerBind: number
  /** Connections that ended: so many that were bound, and as many that never were. */
  readonly keepEnded: number
  /** The time of day in milliseconds (`Date.now`). */
  readonly now?: () => number
}

/** One end of a connection. */
export interface Endpoint {
  readonly address: string
  readonly port: number
}

/** What is known about a connection when it opens. */
export interface RecordingStart {
  readonly role: SessionRole
  readonly stream: Duplex
  /** Whose connection it is, in the words of the application; null: not known yet. */
  readonly owner: string | null
  /** Which of the owner's connections. */
  readonly label: string | null
  /** The account of the bind; null: not known yet. */
  readonly systemId: string | null
}

/** The session that is recorded. */
interface RecordedSession {
  readonly state: SessionState
  readonly counters: SessionCounters
}

/** A request of ours, and what the application knows it by. */
interface Tagged {
  readonly sequence: number
  readonly tag: unknown
}

/** PDUs are this long on average, or shorter: a submit_sm with 160 characters has about 240 octets. */
const OCTETS_PER_PDU = 256
/** The longest PDU that a session accepts fits, however few PDUs are kept. */
const MIN_OCTETS = 70_000
/** Before the bind: enough for it, and for what a probe says. */
const UNBOUND_RING = { pdus: 16, octets: 2048, maxPduOctets: 256 }

/**
 * The latest PDUs of one connection, and what became of it.
 *
 * The session reports to it; whoever reads it gets copies. Octets are kept as they were on the wire,
 * passwords and texts included: nothing of it leaves the process unmasked, see `mask.ts`.
 */
export class Recording {
  readonly id = randomBytes(5).toString('hex')
  readonly role: SessionRole
  readonly local: Endpoint
  readonly remote: Endpoint
  readonly isTls: boolean
  /** Times in milliseconds since 1970. */
  readonly openedAt: number
  readonly #recorder: RecorderLimits
  /** As it was when the connection opened. */
  readonly #pdusPerBind: number
  #owner: string | null
  #systemId: string | null
  #label: string | null
  #boundAt: number | null = null
  #endedAt: number | null = null
  #endReason: SessionEndReason | null = null
  #session: RecordedSession | undefined
  #counters: SessionCounters | undefined
  #ring: PduRing | undefined
  /** The latest requests with a tag, as many as PDUs are kept. */
  #tags: Tagged[] = []
  #nextTag = 0

  constructor(start: RecordingStart, recorder: RecorderLimits) {
    const { role, stream, owner, label, systemId } = start
    this.role = role
    this.#label = label
    this.#owner = owner
    this.#systemId = systemId
    this.#recorder = recorder
    this.#pdusPerBind = recorder.pdusPerBind
    const socket = stream as Partial<Socket>
    this.local = endpointOf(socket.localAddress, socket.localPort)
    this.remote = endpointOf(socket.remoteAddress, socket.remotePort)
    this.isTls = 'encrypted' in stream && stream.encrypted === true
    this.openedAt = recorder.now()
    if (this.#pdusPerBind > 0) this.#ring = new PduRing(UNBOUND_RING)
  }

  get owner(): string | null {
    return this.#owner
  }

  get label(): string | null {
    return this.#label
  }

  /** The account of the bind; before a bind was accepted, who the peer says it is. */
  get systemId(): string | null {
    return this.#systemId
  }

  /** Null while it is not bound, and for good when it never was. */
  get boundAt(): number | null {
    return this.#boundAt
  }

  /** Null while it is open. */
  get endedAt(): number | null {
    return this.#endedAt
  }

  get endReason(): SessionEndReason | null {
    return this.#endReason
  }

  get state(): SessionState {
    return this.#session?.state ?? 'closed'
  }

  /** Undefined before the session has begun. */
  get counters(): SessionCounters | undefined {
    return this.#session?.counters ?? this.#counters
  }

  /** PDUs that are kept. */
  get size(): number {
    return this.#ring?.size ?? 0
  }

  /** PDUs that were dropped for later ones. */
  get dropped(): number {
    return this.#ring?.dropped ?? 0
  }

  /** The PDUs that are kept, oldest first. */
  pdus(): RecordedPdu[] {
    return this.#ring?.entries() ?? []
  }

  /** The sequence numbers of the latest requests of ours whose tag is wanted. */
  sequencesOf(isWanted: (tag: unknown) => boolean): number[] {
    return this.#tags.filter(({ tag }) => isWanted(tag)).map(({ sequence }) => sequence)
  }

  /** Says who the peer claims to be, and whose connection it is once that is certain. */
  identify(systemId: string, owner: string | null, label: string): void {
    this.#systemId = systemId
    this.#owner = owner
    this.#label = label
  }

  /** The session has begun. */
  begin(session: RecordedSession): void {
    this.#session = session
  }

  /** The state of the session has changed. */
  changed(state: SessionState): void {
    if (!isBoundState(state) || this.#boundAt !== null) return
    this.#boundAt = this.#recorder.now()
    const octets = Math.max(this.#pdusPerBind * OCTETS_PER_PDU, MIN_OCTETS)
    this.#ring = this.#ring?.resized({ pdus: this.#pdusPerBind, octets })
  }

  /** Whole PDUs have come. */
  received(frames: readonly Buffer[]): void {
    const ring = this.#ring
    if (ring === undefined || this.#endedAt !== null) return
    const at = this.#recorder.now()
    for (const frame of frames) ring.push(frame, false, at)
  }

  /** Octets have come that make no PDU. */
  receivedRest(octets: Buffer): void {
    if (this.#endedAt === null) this.#ring?.pushRest(octets, this.#recorder.now())
  }

  /** PDUs are handed to the stream. */
  sent(pdus: readonly Buffer[]): void {
    const ring = this.#ring
    if (ring === undefined || this.#endedAt !== null) return
    const at = this.#recorder.now()
    for (const pdu of pdus) ring.push(pdu, true, at)
  }

  /** A request with a tag has been given its sequence number. */
  tagged(sequence: number, tag: unknown): void {
    if (this.#ring === undefined) return
    this.#tags[this.#nextTag] = { sequence, tag }
    this.#nextTag = (this.#nextTag + 1) % this.#pdusPerBind
  }

  /** The session is over. */
  end(reason: SessionEndReason, counters: SessionCounters): void {
    if (this.#endedAt !== null) return
    this.#endedAt = this.#recorder.now()
    this.#endReason = reason
    this.#counters = counters
    this.#session = undefined
    this.#ring = this.#ring?.trimmed()
    this.#recorder.onEnd(this)
  }
}

interface RecorderLimits {
  pdusPerBind: number
  readonly now: () => number
  readonly onEnd: (recording: Recording) => void
}

/** The recordings of all connections: those that are open, and the latest that have ended. */
export class Recorder {
  readonly #limits: RecorderLimits
  #keepEnded: number
  readonly #open = new Set<Recording>()
  readonly #ended: Recording[] = []
  /** Apart, so that a port scan does not drive out the binds. */
  readonly #neverBound: Recording[] = []

  constructor(options: RecorderOptions) {
    this.#keepEnded = options.keepEnded
    this.#limits = {
      pdusPerBind: options.pdusPerBind,
      now: options.now ?? Date.now,
      onEnd: (recording) => this.#onEnd(recording),
    }
  }

  /** Keeps so much from now on: of connections that open, and of those that end. */
  follow({ pdusPerBind, keepEnded }: Pick<RecorderOptions, 'pdusPerBind' | 'keepEnded'>): void {
    this.#limits.pdusPerBind = pdusPerBind
    this.#keepEnded = keepEnded
    for (const list of [this.#ended, this.#neverBound]) this.#trim(list)
  }

  /** Begins a recording; hand it to the session of the stream. */
  open(start: RecordingStart): Recording {
    const recording = new Recording(start, this.#limits)
    this.#open.add(recording)
    return recording
  }

  /** All recordings: the open ones, then those that have ended, oldest first each. */
  get recordings(): readonly Recording[] {
    return [...this.#open, ...this.#ended, ...this.#neverBound]
  }

  find(id: string): Recording | undefined {
    return this.recordings.find((recording) => recording.id === id)
  }

  #onEnd(recording: Recording): void {
    this.#open.delete(recording)
    const list = recording.boundAt === null ? this.#neverBound : this.#ended
    list.push(recording)
    this.#trim(list)
  }

  #trim(list: Recording[]): void {
    list.splice(0, Math.max(0, list.length - this.#keepEnded))
  }
}

/** An IPv4 address within IPv6, as a dual-stack socket tells it, is the IPv4 address. */
function endpointOf(address: string | undefined, port: number | undefined): Endpoint {
  return { address: (address ?? '').replace(/^::ffff:(?=\d+\.)/i, ''), port: port ?? 0 }
}
