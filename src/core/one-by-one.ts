/** Lets works wait for those before them that have a key in common. */
export class OneByOne {
  readonly #running = new Map<string, Promise<unknown>>()

  /** Does the work once nothing runs under any of the keys; gives what it gives. */
  async run<Result>(keys: readonly string[], work: () => Promise<Result>): Promise<Result> {
    for (let busy = this.#busy(keys); busy; busy = this.#busy(keys)) await busy
    const done = work()
    // Whoever waits does not care how it ends.
    const settled = done.catch(() => {})
    for (const key of keys) this.#running.set(key, settled)
    try {
      return await done
    } finally {
      for (const key of keys) this.#running.delete(key)
    }
  }

  #busy(keys: readonly string[]): Promise<unknown> | undefined {
    return keys.map((key) => this.#running.get(key)).find((running) => running !== undefined)
  }
}
