import { type FSWatcher, watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import { messageOf } from './core/errors.ts'
import type { Logger } from './core/logger.ts'

/** What a {@link ConfigWatch} is built with. */
export interface ConfigWatchOptions {
  /** Absolute path. */
  readonly file: string
  /** Called some time after the file has changed; does not reject. */
  readonly onChange: () => Promise<void>
  readonly logger: Logger
}

/** Editors write a file in several steps; the last is waited for. */
const SETTLE_MS = 200

/** Tells when the configuration file is saved. */
export class ConfigWatch {
  readonly #onChange: () => Promise<void>
  readonly #watcher: FSWatcher
  #timer: NodeJS.Timeout | undefined

  constructor({ file, onChange, logger }: ConfigWatchOptions) {
    this.#onChange = onChange
    // The folder, because editors and tools put another file in the place of the old one.
    this.#watcher = watch(dirname(file), { persistent: false }, (_event, name) => {
      if (name === null || name === basename(file)) this.#soon()
    })
    this.#watcher.on('error', (error) => {
      logger.error({ error: messageOf(error) }, 'the configuration is not watched any more')
    })
  }

  /** Watches no more. */
  close(): void {
    clearTimeout(this.#timer)
    this.#watcher.close()
  }

  #soon(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#onChange(), SETTLE_MS).unref()
  }
}
