import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type BenchOptions, type BenchRow, rowFrom } from './harness.ts'
import type { Implementation, PeerCommand, PeerReport } from './support/session-peer.ts'

/** Submits with their responses over loopback, against the npm package `smpp`. */
export const subject = 'session'

const PEER = fileURLToPath(new URL('./support/session-peer.ts', import.meta.url))
const WINDOWS: readonly number[] = [10, 100, 1000]
/** At which the cost of recording is measured. */
const RECORDED_WINDOW = 100
const WARM_UP_SECONDS = 0.5

/**
 * Measures `submit_sm` with its response: our client and server against the client and server of
 * the package, each side in a process of its own, with the same text and as many outstanding. In
 * the last row both of our sides record every PDU, against themselves without.
 */
export async function run(options: BenchOptions): Promise<BenchRow[]> {
  const peers: Peer[] = []
  const start = async (implementation: Implementation): Promise<Peer> => {
    const server = new Peer()
    const client = new Peer()
    peers.push(server, client)
    const serving = await server.ask({ type: 'serve', implementation })
    if (serving.type !== 'serving') throw new Error('the server did not start')
    await client.ask({ type: 'connect', implementation, port: serving.port })
    return client
  }
  try {
    const ours = await start('linehaul')
    const theirs = await start('smpp')
    const rows: BenchRow[] = []
    for (const window of WINDOWS) {
      const name = `submit_sm round trip, window ${window}`
      rows.push(await compareAt(name, window, ours, theirs, options))
    }
    const recorded = await start('linehaul-recorded')
    const name = `recorded against not recorded, window ${RECORDED_WINDOW}`
    rows.push(await compareAt(name, RECORDED_WINDOW, recorded, ours, options))
    return rows
  } finally {
    for (const peer of peers) peer.end()
  }
}

/** Both run in turns, and the one that goes first changes from round to round. */
async function compareAt(
  name: string,
  window: number,
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
  return rowFrom(name, 'pairs/s', our, other)
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
