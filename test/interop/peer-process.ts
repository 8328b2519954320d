import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Implementation } from './implementations.ts'

/** A field of a PDU as it is told to a process; octets are hexadecimal. */
type Field = string | number | readonly string[]

/** A request for the other side to send. */
export interface PeerRequest {
  readonly command: string
  /** By the names of the specification; `short_message` in hexadecimal. */
  readonly fields?: Readonly<Record<string, Field>>
  /** Optional parameters by name, in hexadecimal. */
  readonly tlvs?: Readonly<Record<string, string>>
}

/** A PDU that came to the process, as its library has read it. */
export interface PeerPdu {
  readonly command: string
  readonly command_status: number
  /** The whole PDU. */
  readonly octets: Buffer
  /** Numbers and texts of the mandatory part. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it as they know it to be
  readonly fields: Readonly<Record<string, any>>
  /** Whose bind it came by: its system_id. */
  readonly session: string
}

/** Something that happened to a connection of the process. */
interface ConnectionEvent {
  readonly kind: 'bound' | 'closed'
  readonly session: string
}

interface Line {
  readonly call?: number
  readonly error?: string
  readonly result?: Record<string, unknown>
  readonly event?: 'pdu' | 'bound' | 'closed'
  readonly session?: string
  readonly pdu?: Record<string, unknown>
}

/**
 * Another SMPP implementation in a process of its own, told what to do by lines of JSON.
 *
 * As `esme` it binds where it is told to, as `smsc` it listens, takes every bind, and answers submits
 * with the ids m1, m2 and so on. It answers requests as its library does, and tells of every PDU.
 */
export class PeerProcess {
  /** The requests that came, oldest first. */
  readonly pdus: PeerPdu[] = []
  readonly connections: ConnectionEvent[] = []
  readonly #name: string
  readonly #child: ChildProcess
  readonly #calls = new Map<number, { resolve: (line: Line) => void; reject: (e: Error) => void }>()
  readonly #waiters = new Set<() => void>()
  #lastCall = 0
  #stderr = ''
  readonly #hasEnded: Promise<void>
  #isRunning = true

  constructor({ name, command, args }: Implementation, role: 'esme' | 'smsc') {
    this.#name = `${name} as ${role}`
    this.#child = spawn(command, [...args, role], { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
    if (!this.#child.stdout) throw new Error('the process has no standard output')
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#take(line))
    this.#hasEnded = new Promise((resolve) => {
      this.#child.once('close', () => {
        const error = new Error(`${this.#name} has ended: ${this.#stderr}`)
        this.#isRunning = false
        for (const { reject } of this.#calls.values()) reject(error)
        this.#changed()
        resolve()
      })
    })
  }

  /** Listens on a free port of the loopback interface, or on this one. */
  async listen(port = 0): Promise<number> {
    const { result } = await this.#call({ do: 'listen', port })
    return Number(result?.port)
  }

  /** Connects and binds; gives the response. */
  async bind(fields: Readonly<Record<string, Field>>): Promise<PeerPdu> {
    return pduOf(await this.#call({ do: 'bind', ...fields }))
  }

  /** Sends a request over its bind, or the bind of this system_id; gives the response. */
  async request(request: PeerRequest, session = ''): Promise<PeerPdu> {
    return pduOf(await this.#call({ do: 'request', session, ...request }))
  }

  /** Breaks the connection, if there is one, without a word. */
  async drop(session = ''): Promise<void> {
    await this.#call({ do: 'drop', session })
  }

  /** From now on it answers no requests, as an application that hangs. */
  async mute(): Promise<void> {
    await this.#call({ do: 'mute' })
  }

  /** Forgets what came. */
  forget(): void {
    this.pdus.length = 0
    this.connections.length = 0
  }

  /** The requests of one kind that came. */
  all(command: string): PeerPdu[] {
    return this.pdus.filter((pdu) => pdu.command === command)
  }

  /** Resolves once the condition holds; it is looked at after everything that the process tells. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (!this.#isRunning) throw new Error(`${this.#name} has ended: ${this.#stderr}`)
      await new Promise<void>((resolve) => this.#waiters.add(resolve))
    }
  }

  /** How often this session was bound. */
  bounds(session: string): number {
    return this.connections.filter((each) => each.kind === 'bound' && each.session === session)
      .length
  }

  /** Kills the process, and with it its connections. */
  async close(): Promise<void> {
    this.#child.stdin?.end()
    this.#child.kill('SIGKILL')
    await this.#hasEnded
  }

  #call(command: Record<string, unknown>): Promise<Line> {
    const call = ++this.#lastCall
    return new Promise((resolve, reject) => {
      this.#calls.set(call, { resolve, reject })
      this.#child.stdin?.write(`${JSON.stringify({ call, ...command })}\n`)
    })
  }

  #take(text: string): void {
    const line = JSON.parse(text) as Line
    if (line.call !== undefined) {
      const waiting = this.#calls.get(line.call)
      this.#calls.delete(line.call)
      if (line.error === undefined) waiting?.resolve(line)
      else waiting?.reject(new Error(`${this.#name}: ${line.error} ${this.#stderr}`))
      return
    }
    const session = line.session ?? ''
    if (line.event === 'pdu') this.pdus.push(pduOf(line))
    else if (line.event) this.connections.push({ kind: line.event, session })
    this.#changed()
  }

  #changed(): void {
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const wake of waiters) wake()
  }
}

function pduOf({ pdu = {}, session = '' }: Line): PeerPdu {
  const { command, command_status, octets, fields } = pdu
  return {
    command: String(command),
    command_status: Number(command_status),
    octets: Buffer.from(String(octets), 'hex'),
    fields: fields as PeerPdu['fields'],
    session,
  }
}
