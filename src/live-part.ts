import type { Config } from './config/schema.ts'

/** A part of the gateway that can go by another configuration while it runs. */
export interface LivePart {
  /** What it goes by. */
  readonly sections: readonly (keyof Config)[]
  /**
   * Gets everything ready for another configuration, changing nothing yet; rejects when it cannot go by it. What it gives
   * takes the new configuration over: it is called in one turn with those of all other parts, and does not fail.
   */
  prepare(next: Config): Promise<() => void>
}
