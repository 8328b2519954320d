/** One word after `linehaul`, and what it does. */
export interface Command {
  /** Its lines of the help, as they are shown. */
  readonly usage: string
  /**
   * Reads what stands behind the word and does it; false when it was refused, not reached, or not done for all.
   *
   * @throws {UsageError} when the line typed is wrong; what `parseArgs` throws says the same
   */
  run(args: string[]): Promise<boolean>
}

/** The line typed is wrong: it is answered with the help. */
export class UsageError extends Error {}
