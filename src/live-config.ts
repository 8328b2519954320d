import type { Config } from './config/schema.ts'
import { differingSections } from './config/sections.ts'
import type { LivePart } from './live-part.ts'
import type { ReadyConfig } from './versions/configuration.ts'

/**
 * What the gateway goes by, and the parts that can go by something else while it runs.
 *
 * One change at a time: the next may be prepared only when the one before was committed or given up.
 */
export class LiveConfig {
  readonly #parts: LivePart[] = []
  #running: Config

  constructor(config: Config) {
    this.#running = config
  }

  /** Lets more parts follow; they are committed in this order. */
  add(parts: readonly LivePart[]): void {
    this.#parts.push(...parts)
  }

  /** What holds now: sections that wait for a start are as they were at the last. */
  get running(): Config {
    return this.#running
  }

  /**
   * Gets every part ready whose sections are others. Nothing has changed then, and nothing does when a part rejects.
   *
   * @throws what the first part has rejected with that cannot go by it
   */
  async prepare(next: Config): Promise<ReadyConfig> {
    const live = new Set(this.#parts.flatMap(({ sections }) => sections))
    const changed = differingSections(this.#running, next)
    const applied = changed.filter((section) => live.has(section))
    const waiting = changed.filter((section) => !live.has(section))
    const touched = this.#parts.filter(({ sections }) =>
      sections.some((section) => applied.includes(section)),
    )
    const commits = await allOf(touched.map((part) => prepared(part, next)))
    return {
      applied,
      waiting,
      commit: () => {
        for (const commit of commits) commit()
        this.#running = { ...this.#running, ...only(next, applied) }
      },
    }
  }
}

/** Waits for all, even when one rejects: none is to work on behind a change that is given up. */
async function allOf<Value>(works: readonly Promise<Value>[]): Promise<Value[]> {
  await Promise.allSettled(works)
  return Promise.all(works)
}

/** What a part throws at once is a rejection, too. */
async function prepared(part: LivePart, next: Config): Promise<() => void> {
  return part.prepare(next)
}

function only(config: Config, sections: readonly (keyof Config)[]): Partial<Config> {
  return Object.fromEntries(sections.map((section) => [section, config[section]]))
}
