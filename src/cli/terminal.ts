/** Writes a line to the standard output. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Writes a line to the standard error output. */
export function complain(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** Writes a file to the standard output, octet by octet. */
export function write(octets: Buffer): void {
  process.stdout.write(octets)
}

/** The first signal that asks the process to end. */
export function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => onSignal(resolve))
}

/** Reacts once to a signal that asks the process to end. */
export function onSignal(react: (signal: NodeJS.Signals) => void): void {
  process.once('SIGINT', react)
  process.once('SIGTERM', react)
}
