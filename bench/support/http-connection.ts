import { connect, type Socket } from 'node:net'

/** The answer to a call. */
export interface HttpAnswer {
  readonly status: number
  readonly body: string
}

const HEAD_END = '\r\n\r\n'

/**
 * One kept-alive connection that makes one call after another.
 *
 * It knows as much of HTTP as the servers of the benchmark speak, and costs a fifth of `node:http`:
 * on a small machine the client would otherwise take the processor from the server measured.
 */
export class HttpConnection {
  readonly #socket: Socket
  readonly #host: string
  #received = ''
  #waiting:
    | { readonly resolve: (answer: HttpAnswer) => void; readonly reject: (error: Error) => void }
    | undefined

  private constructor(socket: Socket, host: string) {
    this.#socket = socket
    this.#host = host
    // Bodies are ASCII in this benchmark, so octets and characters are the same.
    socket.setEncoding('latin1')
    socket.setNoDelay(true)
    socket.on('data', (chunk: string) => this.#onData(chunk))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('the server closed the connection')))
  }

  /** Connects; rejects when nobody listens. */
  static open(host: string, port: number): Promise<HttpConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, host)
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new HttpConnection(socket, `${host}:${port}`))
      })
    })
  }

  /** Sends an ASCII body; one call at a time. */
  post(path: string, headers: Readonly<Record<string, string>>, body: string): Promise<HttpAnswer> {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#socket.write(
        `POST ${path} HTTP/1.1\r\nhost: ${this.#host}\r\n${lines.join('')}` +
          `content-length: ${body.length}${HEAD_END}${body}`,
        'latin1',
      )
    })
  }

  /** False once the server has closed it: servers do that to connections without calls. */
  get isOpen(): boolean {
    return !this.#socket.destroyed && this.#socket.readable
  }

  close(): void {
    this.#socket.destroy()
  }

  #onData(chunk: string): void {
    this.#received += chunk
    const headEnd = this.#received.indexOf(HEAD_END)
    if (headEnd < 0) return
    const head = this.#received.slice(0, headEnd)
    const hasNoBody = head.startsWith('HTTP/1.1 204')
    const length = hasNoBody ? '0' : /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
    if (length === undefined) {
      this.#fail(new Error(`an answer without a content-length: ${head}`))
      return
    }
    const bodyStart = headEnd + HEAD_END.length
    const bodyEnd = bodyStart + Number(length)
    if (this.#received.length < bodyEnd) return
    const body = this.#received.slice(bodyStart, bodyEnd)
    this.#received = this.#received.slice(bodyEnd)
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.resolve({ status: Number(head.slice('HTTP/1.1 '.length).slice(0, 3)), body })
  }

  #fail(error: Error): void {
    this.#waiting?.reject(error)
    this.#waiting = undefined
  }
}
