import { connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP proxy between gateway and database that can cut every connection and hold octets back. */
export class DatabaseProxy {
  readonly #server: Server
  readonly #target: number
  readonly #sockets = new Set<Socket>()
  #delayMs = 0

  /** @param target - port of the database on this machine */
  constructor(target: number) {
    this.#target = target
    this.#server = createServer((socket) => this.#onConnection(socket))
  }

  /** Listens on a port of its own choice and gives it. */
  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return (this.#server.address() as { port: number }).port
  }

  /** Resets every connection. */
  cut(): number {
    const count = this.#sockets.size
    for (const socket of this.#sockets) socket.resetAndDestroy()
    return count
  }

  /** Holds everything that goes to the database back for so many milliseconds; 0: no more. */
  delay(ms: number): void {
    this.#delayMs = ms
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #onConnection(client: Socket): void {
    const database = connect(this.#target, '127.0.0.1')
    client.setNoDelay(true)
    database.setNoDelay(true)
    this.#pipe(client, database, () => this.#delayMs)
    this.#pipe(database, client, () => 0)
  }

  #pipe(from: Socket, to: Socket, delayMs: () => number): void {
    this.#sockets.add(from)
    /** Held back, oldest first: nothing overtakes it when the delay ends. */
    const held: { readonly chunk: Buffer; readonly dueMs: number }[] = []
    const release = () => {
      for (let first = held[0]; first && first.dueMs <= Date.now(); first = held[0]) {
        held.shift()
        if (to.writable) to.write(first.chunk)
      }
      const [next] = held
      if (next) setTimeout(release, Math.max(1, next.dueMs - Date.now()))
    }
    from.on('data', (chunk) => {
      const delay = delayMs()
      if (delay === 0 && held.length === 0) {
        to.write(chunk)
        return
      }
      held.push({ chunk, dueMs: Date.now() + delay })
      if (held.length === 1) setTimeout(release, delay)
    })
    from.on('error', () => to.destroy())
    from.on('close', () => {
      this.#sockets.delete(from)
      to.destroy()
    })
  }
}
