import { type FSWatcher, watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Config } from './config/schema.ts'
import { messageOf } from './core/errors.ts'
import type { Logger } from './core/logger.ts'

/** What a running gateway takes over from a changed file; all else waits for the next start. */
export const LIVE_SECTIONS = ['routing', 'failureRules', 'policies', 'limits'] as const

/** The part of a configuration that is taken over. */
export type LiveConfig = Pick<Config, (typeof LIVE_SECTIONS)[number]>

/** What a {@link ConfigWatch} is built with. */
export interface ConfigWatchOptions {
  /** What the gateway was started with; its file is watched. */
  readonly config: Config
  /** Reads the file again; throws when it has a mistake. */
  readonly load: () => Config
  /** Takes a configuration over; resolves when everything goes by it. */
  readonly apply: (config: LiveConfig) => Promise<void>
  readonly logger: Logger
}

/** Editors write a file in several steps; the last is waited for. */
const SETTLE_MS = 200

/**
 * Has a gateway follow its configuration file: what can change while it runs does so as soon as the
 * file is saved, all at once; a file with a mistake changes nothing.
 */
export class ConfigWatch {
  readonly #options: ConfigWatchOptions
  readonly #watcher: FSWatcher | undefined
  #present: Config
  #timer: NodeJS.Timeout | undefined
  #working: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(options: ConfigWatchOptions) {
    this.#options = options
    this.#present = options.config
    const { file } = options.config
    if (file === undefined) return
    // The folder, because editors and tools put another file in the place of the old one.
    this.#watcher = watch(dirname(file), { persistent: false }, (_event, name) => {
      if (name === null || name === basename(file)) this.#soon()
    })
    this.#watcher.on('error', (error) => {
      options.logger.error({ error: messageOf(error) }, 'the configuration is not watched any more')
    })
  }

  /** Reads the file now; resolves when that is done. Never rejects. */
  reload(): Promise<void> {
    this.#working = this.#working.then(() => this.#reload())
    return this.#working
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#watcher?.close()
    await this.#working
  }

  #soon(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.reload(), SETTLE_MS).unref()
  }

  async #reload(): Promise<void> {
    if (this.#isClosed) return
    const { load, apply, logger } = this.#options
    let next: Config
    try {
      next = load()
    } catch (error) {
      logger.error(
        { error: messageOf(error) },
        'the configuration has a mistake, it stays as it was',
      )
      return
    }
    const changed = differences(this.#present, next)
    if (changed.length === 0) return
    const live = changed.filter((name) => isLive(name))
    const waiting = changed.filter((name) => !isLive(name))
    try {
      if (live.length > 0) await apply(next)
    } catch (error) {
      logger.error({ error: messageOf(error) }, 'the configuration could not be taken over')
      return
    }
    const { routing, failureRules, policies, limits } = next
    this.#present = { ...this.#present, routing, failureRules, policies, limits }
    if (live.length > 0) logger.info({ sections: live }, 'the configuration has changed')
    if (waiting.length > 0) {
      logger.warn({ sections: waiting }, 'these changes count from the next start')
    }
  }
}

function isLive(name: keyof Config): boolean {
  return LIVE_SECTIONS.some((live) => live === name)
}

function differences(before: Config, after: Config): (keyof Config)[] {
  const names = Object.keys(after) as (keyof Config)[]
  return names.filter((name) => !isDeepStrictEqual(before[name], after[name]))
}
