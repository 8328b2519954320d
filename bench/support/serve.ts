import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The flag that `npm start` gives to Node. */
const AS_STARTED = '--max-semi-space-size=32'

const COMMAND = fileURLToPath(new URL('../../bin/linehaul.js', import.meta.url))

/** Starts `linehaul serve`; LINEHAUL_BENCH_NODE_FLAGS are more flags for its Node. */
export function spawnServe(env: NodeJS.ProcessEnv, flags: readonly string[] = []): ChildProcess {
  const given = (process.env.LINEHAUL_BENCH_NODE_FLAGS ?? '').split(' ').filter(Boolean)
  return spawn(process.execPath, [AS_STARTED, ...given, ...flags, COMMAND, 'serve'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

/**
 * The ports from the lines that `serve` prints when it is ready.
 *
 * @throws {Error} when it ends before, or is not ready in time; with what it has printed
 */
export function readyPorts(
  child: ChildProcess,
  withinMs: number,
): Promise<{ httpPort: number; smppPort: number }> {
  return new Promise((resolve, reject) => {
    let printed = ''
    const timer = setTimeout(
      () => reject(new Error(`the gateway was not ready in time; it said: ${printed}`)),
      withinMs,
    )
    child.once('exit', (code) => {
      clearTimeout(timer)
      reject(new Error(`the gateway ended with code ${code}; it said: ${printed}`))
    })
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      const isReady = printed.includes('Data ')
      // What comes later is its log: warnings and errors belong on the screen.
      if (isReady) process.stderr.write(chunk)
      else printed += chunk
      const http = /HTTP API +http:\/\/[^ ]*:(\d+)/.exec(printed)?.[1]
      const smpp = /SMPP +[^ ]*:(\d+)/.exec(printed)?.[1]
      if (isReady || http === undefined || smpp === undefined) return
      clearTimeout(timer)
      resolve({ httpPort: Number(http), smppPort: Number(smpp) })
    })
  })
}

/** Asks it to stop, and ends it when it takes longer than that. */
export function stopServe(child: ChildProcess, withinMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    // What it says of its end is of no use here.
    child.stdout?.removeAllListeners('data').resume()
    const timer = setTimeout(() => child.kill('SIGKILL'), withinMs)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    child.kill('SIGTERM')
  })
}
