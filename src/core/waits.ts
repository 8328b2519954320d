/** Resolves after so many milliseconds. */
export function elapsed(waitMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, waitMs))
}

/** Resolves in the next turn of the event loop: what has been begun in this one leaves before. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
