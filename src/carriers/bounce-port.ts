import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { SMTPServer, SMTPServerDataStream, SMTPServerSession } from 'smtp-server'
import type { BouncePortConfig } from '../config/smtp-carriers.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'

/** A mail for an address of ours, before it is read. */
export interface ArrivingBounce {
  /** What stands in the envelope. */
  readonly recipient: string
  /** Undefined: the connection has gone already. */
  readonly address: string | undefined
}

/** What a {@link BouncePort} works with. */
export interface BouncePortOptions {
  readonly carrier: string
  readonly place: BouncePortConfig
  /** The longest mail, in octets. */
  readonly maxOctets: number
  /** False where a mail is for nobody here, or nobody from there is heard. */
  readonly admits: (bounce: ArrivingBounce) => boolean
  /** Resolves when the mail is durable; false: it is refused for good. Rejects where it may be tried again. */
  readonly take: (bounce: ArrivingBounce, mail: Buffer) => Promise<boolean>
  readonly onOversized: (bounce: ArrivingBounce) => void
  readonly logger: Logger
}

const MAX_CONNECTIONS = 100
/** RFC 5321, section 4.5.3.2: servers wait five minutes for a command, but none of ours has to be kept so long. */
const SILENCE_MS = 60_000
/** Connections that are left when the port closes. */
const CLOSE_MS = 2_000
const LISTEN_AGAIN_MS = 5_000

/** Takes bounces over SMTP: mails to return paths of one carrier, each answered with 250 when it is durable. */
export class BouncePort {
  readonly #options: BouncePortOptions
  #server: SMTPServer | undefined
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: BouncePortOptions) {
    this.#options = options
  }

  /** Where it listens. */
  get place(): BouncePortConfig {
    return this.#options.place
  }

  /** The port that it has; 0 while it listens nowhere. */
  get port(): number {
    const address = this.#server?.server.address() as AddressInfo | null | undefined
    return address?.port ?? 0
  }

  /** Listens; where that is not possible, it is tried again. Never rejects. */
  async listen(): Promise<void> {
    const { carrier, place, logger } = this.#options
    if (this.#isClosed) return
    // As with nodemailer: few need it.
    const { SMTPServer } = await import('smtp-server')
    const server = this.#make(SMTPServer)
    // What breaks one connection is no matter of the others.
    server.on('error', (error) => {
      logger.debug({ carrier, error: messageOf(error) }, 'a connection with bounces broke')
    })
    try {
      server.server.listen(place.port, place.host)
      await once(server.server, 'listening')
      this.#server = server
    } catch (error) {
      logger.error(
        { carrier, ...place, error: messageOf(error) },
        'no bounces can be taken over SMTP, will try again',
      )
      if (this.#isClosed) return
      this.#timer = setTimeout(() => void this.listen(), LISTEN_AGAIN_MS).unref()
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    const server = this.#server
    if (server) await new Promise<void>((resolve) => server.close(resolve))
  }

  #make(Server: typeof SMTPServer): SMTPServer {
    const { maxOctets, admits } = this.#options
    return new Server({
      banner: 'bounces only',
      disabledCommands: ['AUTH', 'STARTTLS'],
      // A QUIT right behind the mail, as Exim sends it where it may, would end the connection before the mail is stored.
      hidePIPELINING: true,
      // Names are asked of nobody.
      disableReverseLookup: true,
      maxClients: MAX_CONNECTIONS,
      maxRecipients: 1,
      size: maxOctets,
      rejectOversized: true,
      socketTimeout: SILENCE_MS,
      closeTimeout: CLOSE_MS,
      onRcptTo: ({ address: recipient }, session, done) => {
        const isAdmitted = admits({ recipient, address: session.remoteAddress })
        done(isAdmitted ? null : refusal(550, 'no bounces are taken for this address'))
      },
      onData: (stream, session, done) => {
        this.#receive(stream, session).then((text) => done(null, text), done)
      },
    })
  }

  /** What the other server is told. */
  async #receive(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<string> {
    const { carrier, maxOctets, take, onOversized, logger } = this.#options
    const recipient = session.envelope.rcptTo[0]?.address ?? ''
    const bounce = { recipient, address: session.remoteAddress }
    // As any server does that delivers: the envelope is to be known by whoever reads the mail.
    const chunks: Buffer[] = [Buffer.from(`Delivered-To: ${recipient}\r\n`)]
    let octets = 0
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      octets += chunk.length
      if (octets <= maxOctets) chunks.push(chunk)
    }
    if (octets > maxOctets) {
      onOversized(bounce)
      throw refusal(552, 'the mail is too long')
    }
    let isTaken: boolean
    try {
      isTaken = await take(bounce, Buffer.concat(chunks))
    } catch (error) {
      logger.debug({ carrier, error: messageOf(error) }, 'a bounce was put off')
      throw refusal(451, 'it cannot be stored now, try again later')
    }
    if (!isTaken) throw refusal(550, 'no bounces are taken for this address')
    return 'stored'
  }
}

function refusal(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode })
}
