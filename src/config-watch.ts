import { type FSWatcher, watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Config } from './config/schema.ts'
import { messageOf } from './core/errors.ts'
import type { Logger } from './core/logger.ts'
import type { LivePart } from './live-part.ts'

/** What a {@link ConfigWatch} is built with. */
export interface ConfigWatchOptions {
  /** What the gateway was started with; its file is watched. */
  readonly config: Config
  /** Reads the file again; throws when it has a mistake. */
  readonly load: () => Config
  /** What can go by another configuration; the sections that none of them goes by wait for the next start. */
  readonly parts: readonly LivePart[]
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
    const { load, parts, logger } = this.#options
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
    const concerned = parts.filter(({ sections }) =>
      sections.some((each) => changed.includes(each)),
    )
    const isLive = (name: keyof Config) => concerned.some(({ sections }) => sections.includes(name))
    const live = changed.filter(isLive)
    const waiting = changed.filter((name) => !isLive(name))
    try {
      // Each may refuse, so nothing changes before all are ready; then everything does in one turn.
      const prepared = await Promise.all(concerned.map((part) => part.prepare(next)))
      for (const takeOver of prepared) takeOver()
    } catch (error) {
      logger.error({ error: messageOf(error) }, 'the configuration could not be taken over')
      return
    }
    const taken = Object.fromEntries(live.map((name) => [name, next[name]]))
    this.#present = { ...this.#present, ...taken }
    if (live.length > 0) logger.info({ sections: live }, 'the configuration has changed')
    if (waiting.length > 0) {
      logger.warn({ sections: waiting }, 'these changes count from the next start')
    }
  }
}

function differences(before: Config, after: Config): (keyof Config)[] {
  const names = Object.keys(after) as (keyof Config)[]
  return names.filter((name) => !isDeepStrictEqual(before[name], after[name]))
}
