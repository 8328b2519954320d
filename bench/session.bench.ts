import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type BenchOptions, type BenchRow, rowFrom } from './harness.ts'
import type { Implementation, PeerCommand, PeerReport } from './support/session-peer.ts'

/** Submits with their responses over loopback, against the npm package `smpp`. */
export const subject = 'session'

const PEER = fileURLToPath(new URL('./support/session-peer.ts', import.meta.url))
/** At which the cost of recording is measured. */
const RECORDED_WINDOW = 100
const SMALLEST_WINDOW = 10
const WINDOWS: readonly number[] = [SMALLEST_WINDOW, 100, 1000]
const WARM_UP_SECONDS = 0.5
/** The way to a carrier on another continent and back. */
const DELAY_MS = 50

/**
 * Measures `submit_sm` with its response: our client and server against the client and server of
 * the package, each side in a process of its own, with the same text and as many outstanding.
 *
 * With a small window both sides wait for each other most of the time; how fast two processes can
 * wake each other is the limit then, and sockets that pass nothing but zeros show it. Then
 * with responses that take 50 ms, where window / round trip is the most that there can be: the share
 * of it that is reached. One row is about ourselves: both sides record every PDU, against neither.
 */
export async function run(options: BenchOptions): Promise<BenchRow[]> {
  const peers: Peer[] = []
  const start = async (implementation: Implementation, delayMs: number): Promise<Peer> => {
    const server = new Peer()
    const client = new Peer()
    peers.push(server, client)
    const serving = await server.ask({ type: 'serve', implementation, delayMs })
    if (serving.type !== 'serving') throw new Error('the server did not start')
    await client.ask({ type: 'connect', implementation, port: serving.port })
    return client
  }
  try {
    const rows: BenchRow[] = []
    for (const delayMs of [0, DELAY_MS]) {
      const ours = await start('linehaul', delayMs)
      const theirs = await start('smpp', delayMs)
      for (const window of WINDOWS) {
        rows.push(await compareAt(window, delayMs, ours, theirs, options))
      }
      if (delayMs > 0) continue
      const bare = await start('bare', 0)
      const besideBare = await compareAt(SMALLEST_WINDOW, 0, ours, bare, options)
      rows.push({ ...besideBare, name: `${besideBare.name}, against bare sockets` })
      const recorded = await start('linehaul-recorded', 0)
      const row = await compareAt(RECORDED_WINDOW, 0, recorded, ours, options)
      rows.push({ ...row, name: `${row.name}, recorded against not recorded` })
    }
    return rows
  } finally {
    for (const peer of peers) peer.end()
  }
}

/** Both run in turns, and the one that goes first changes from round to round. */
async function compareAt(
  window: number,
  delayMs: number,
  ours: Peer,
  theirs: Peer,
  { rounds, secondsPerRound }: BenchOptions,
): Promise<BenchRow> {
  await ours.measure(window, WARM_UP_SECONDS)
  await theirs.measure(window, WARM_UP_SECONDS)
  const our: number[] = []
  const other: number[] = []
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) our.push(await ours.measure(window, secondsPerRound))
    other.push(await theirs.measure(window, secondsPerRound))
    if (round % 2 === 1) our.push(await ours.measure(window, secondsPerRound))
  }
  const name = `submit_sm round trip, window ${window}`
  if (delayMs === 0) return rowFrom(name, 'pairs/s', our, other)
  const percent = (pairs: number) => (pairs * 100) / (window / (delayMs / 1_000))
  return rowFrom(`${name}, ${delayMs} ms`, '% of window', our.map(percent), other.map(percent))
}

/** A child process that plays one side; it ends with this process at the latest. */
class Peer {
  readonly #child: ChildProcess = fork(PEER)

  /** Rejects when the child dies instead of answering. */
  ask(command: PeerCommand): Promise<PeerReport> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null) => {
        this.#child.off('message', onMessage)
        reject(new Error(`a peer ended with code ${code}`))
      }
      const onMessage = (report: PeerReport) => {
        this.#child.off('exit', onExit)
        resolve(report)
      }
      this.#child.once('exit', onExit)
      this.#child.once('message', onMessage)
      this.#child.send(command)
    })
  }

  async measure(window: number, seconds: number): Promise<number> {
    const report = await this.ask({ type: 'measure', window, seconds })
    if (report.type !== 'measured') throw new Error(`expected a measurement, got ${report.type}`)
    return report.pairsPerSecond
  }

  end(): void {
    this.#child.kill('SIGKILL')
  }
}
