import { documentDiff, type ValueChange } from '../config/document-diff.ts'
import { SecretMasks } from '../config/masking.ts'
import { ConfigError, type Mistake } from '../config/mistake.ts'
import type { Config } from '../config/schema.ts'
import { differingSections, FILE_SECTIONS, fileKey } from '../config/sections.ts'
import type { TenantDocument } from '../config/tenants.ts'
import { writtenValues } from '../config/written.ts'
import type { Clock } from '../core/clock.ts'
import { GatewayError, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { HeldVersion } from './start-version.ts'
import type { StoredVersion, VersionRecord } from './version-store.ts'

/** A configuration that every part of the gateway is ready for. */
export interface ReadyConfig {
  /** What is taken over at once. */
  readonly applied: readonly (keyof Config)[]
  /** What no part takes over while it runs: it counts from the next start. */
  readonly waiting: readonly (keyof Config)[]
  /** Takes it over: all parts in this turn of the event loop. */
  commit(): void
}

/** The running gateway, as far as it goes by its configuration. */
export interface RunningConfig {
  /** Sections that wait for a start are as they were at the last. */
  readonly running: Config
  /** Gets all parts ready; nothing has changed then. Rejects when one cannot go by it. */
  prepare(next: Config): Promise<ReadyConfig>
}

/** What {@link Configuration} is built with. */
export interface ConfigurationOptions extends HeldVersion {
  readonly live: RunningConfig
  readonly clock: Clock
  readonly logger: Logger
  /** Told what has become of a file that was saved, and which version held before; the next change waits for it. */
  readonly onFile?: (before: number, outcome: ConfigOutcome) => Promise<void>
}

/** A version with its document, secrets masked. */
export interface ShownVersion {
  readonly version: VersionRecord
  readonly document: Readonly<Record<string, unknown>>
}

/** What somebody wants to be the configuration. */
export interface ConfigWish {
  /** YAML or JSON; masks stand for the secrets of the present version. */
  readonly text: string
  readonly who: string | null
  readonly comment: string
  /** The version that it was made from: with another one, nothing changes. Undefined: whichever. */
  readonly basedOn: number | undefined
  /** Only say what would happen. */
  readonly isDryRun: boolean
}

/** An earlier version that is to count again. */
export interface RollbackWish extends Omit<ConfigWish, 'text' | 'isDryRun'> {
  readonly number: number
}

/** What became of a wish. */
export type ConfigOutcome =
  | { readonly kind: 'done'; readonly change: ConfigChange }
  /** The present version is another than the wish was made from. */
  | { readonly kind: 'outdated'; readonly present: number }
  | { readonly kind: 'refused'; readonly mistakes: readonly Mistake[] }

/** A change of the configuration. */
export interface ConfigChange {
  /** The version that holds then; with a dry run, and where nothing changes, the one that held before. */
  readonly version: VersionRecord
  /** Secrets masked. */
  readonly changes: readonly ValueChange[]
  /** Sections of the file that hold at once. */
  readonly applied: readonly string[]
  /** Sections that count from the next start. */
  readonly waiting: readonly string[]
}

/** Tenants of the API as they are to be. */
export interface TenantsWish {
  readonly tenants: readonly TenantDocument[]
  /** Stores them; called when every part of the gateway is ready for them. */
  keep(): Promise<void>
}

type Origin = Pick<VersionRecord, 'source' | 'who' | 'comment' | 'rolledBackTo'>

/**
 * The configuration that holds, and the versions before it: changed by the file, by the API, or back to an earlier
 * one, one change after the other and each as a whole. The last change wins.
 */
export class Configuration {
  readonly #options: ConfigurationOptions
  readonly #masks = new SecretMasks()
  #present: StoredVersion
  /** What the present version says, with what waits for a start. */
  #wanted: Config
  #working: Promise<unknown> = Promise.resolve()

  constructor(options: ConfigurationOptions) {
    this.#options = options
    this.#present = options.version
    this.#wanted = options.config
  }

  /** The number of the version that holds. */
  get number(): number {
    return this.#present.number
  }

  /** Sections of the file that differ from what the gateway goes by until it starts again. */
  get waiting(): string[] {
    return differingSections(this.#options.live.running, this.#wanted).map(fileKey)
  }

  /** The version that holds. */
  present(): ShownVersion {
    return this.#shown(this.#present)
  }

  /**
   * Versions below a number, newest first.
   *
   * @throws {GatewayError} `storage_unavailable`
   */
  list(limit: number, below: number): Promise<VersionRecord[]> {
    return this.#options.versions.list(limit, below)
  }

  /**
   * One version.
   *
   * @throws {GatewayError} `not_found`, `storage_unavailable`
   */
  async find(number: number): Promise<ShownVersion> {
    return this.#shown(await this.#stored(number))
  }

  /**
   * Lets a document be the configuration, or says what is wrong with it.
   *
   * @throws {GatewayError} `storage_unavailable`; nothing has changed then
   */
  change({ text, who, comment, basedOn, isDryRun }: ConfigWish): Promise<ConfigOutcome> {
    return this.#alone(async () => {
      if (basedOn !== undefined && basedOn !== this.number) return this.#outdated()
      const restored = this.#masks.restored(text, writtenValues(this.#present.text))
      if (!restored.ok) return { kind: 'refused', mistakes: restored.mistakes }
      const origin = { source: 'api', who, comment, rolledBackTo: null } as const
      return this.#takeOver(restored.text, origin, isDryRun)
    })
  }

  /**
   * Lets an earlier version count again, as a new one.
   *
   * @throws {GatewayError} `not_found`, `storage_unavailable`; nothing has changed then
   */
  rollBack({ number, who, comment, basedOn }: RollbackWish): Promise<ConfigOutcome> {
    return this.#alone(async () => {
      if (basedOn !== undefined && basedOn !== this.number) return this.#outdated()
      const { text } = await this.#stored(number)
      const origin = { source: 'rollback', who, comment, rolledBackTo: number } as const
      return this.#takeOver(text, origin, false)
    })
  }

  /**
   * Lets other tenants of the API count, in the same way as another document. They make no version.
   *
   * @param wish - what is wanted, asked for when no other change is under way
   * @throws {ConfigError} with all mistakes; {GatewayError} `storage_unavailable`; nothing has changed then
   */
  changeTenants(wish: () => Promise<TenantsWish>): Promise<void> {
    return this.#alone(async () => {
      const { documents, live } = this.#options
      const { tenants, keep } = await wish()
      const next = documents.parse(this.#present.text, tenants)
      const ready = await live.prepare(next)
      await keep()
      ready.commit()
      this.#wanted = next
    })
  }

  /**
   * Looks at the file: where it is another than its newest version, it becomes the configuration. Where it is
   * not, files that the present version names are read again. What is wrong is logged; never rejects.
   */
  takeFile(): Promise<void> {
    return this.#alone(() => this.#takeFile())
  }

  /** Waits for the change that is being made. */
  async close(): Promise<void> {
    await this.#working
  }

  async #takeFile(): Promise<void> {
    const { documents, versions, logger, onFile } = this.#options
    const before = this.number
    try {
      const text = documents.readText()
      if ((await versions.newestOfFile())?.text === text) return await this.#readAgain()
      const origin = { source: 'file', who: null, comment: '', rolledBackTo: null } as const
      const outcome = await this.#takeOver(text, origin, false)
      await onFile?.(before, outcome)
      if (outcome.kind === 'refused') throw new ConfigError(outcome.mistakes)
    } catch (error) {
      logger.error({ error: messageOf(error) }, 'the configuration stays as it was')
    }
  }

  /** Certificates and other files may have changed behind their names. */
  async #readAgain(): Promise<void> {
    const { documents, live } = this.#options
    const next = documents.parse(this.#present.text)
    if (differingSections(this.#wanted, next).length === 0) return
    const ready = await live.prepare(next)
    this.#commit(ready, next, this.#present)
  }

  async #takeOver(text: string, origin: Origin, isDryRun: boolean): Promise<ConfigOutcome> {
    const { versions, documents, live, clock } = this.#options
    let next: Config
    let ready: ReadyConfig
    try {
      next = documents.parse(text)
      if (origin.source !== 'file') this.#checkFileSections(next)
      ready = await live.prepare(next)
    } catch (error) {
      return { kind: 'refused', mistakes: this.#placed(mistakesOf(error), origin) }
    }
    const changes = documentDiff(this.#masked(this.#present.text), this.#masked(text))
    const isNew = text !== this.#present.text || origin.source === 'file'
    if (isNew && !isDryRun) {
      const version = await versions.add({ ...origin, at: clock(), text })
      this.#commit(ready, next, version)
    }
    const [applied, waiting] = [ready.applied.map(fileKey), ready.waiting.map(fileKey)]
    return { kind: 'done', change: { version: this.#present, changes, applied, waiting } }
  }

  /** What is not the file is not to be called by its name. */
  #placed(mistakes: readonly Mistake[], { source }: Origin): readonly Mistake[] {
    if (source === 'file') return mistakes
    const { file } = this.#wanted
    return mistakes.map((each) => (each.path === file ? { ...each, path: 'document' } : each))
  }

  #commit(ready: ReadyConfig, next: Config, version: StoredVersion): void {
    ready.commit()
    this.#present = version
    this.#wanted = next
    const { number, source, who } = version
    const [sections, waiting] = [ready.applied.map(fileKey), ready.waiting.map(fileKey)]
    const about = { version: number, source, who, sections }
    const { logger } = this.#options
    if (waiting.length === 0) logger.info(about, 'the configuration has changed')
    else
      logger.warn(
        { ...about, waiting },
        'the configuration has changed, partly from the next start',
      )
  }

  #checkFileSections(next: Config): void {
    const changed = differingSections(this.#wanted, next)
    const mistakes = FILE_SECTIONS.filter((section) => changed.includes(section)).map(
      (section) => ({
        path: fileKey(section),
        message: 'can only be changed in the file: the versions are kept by it; leave it as it is',
      }),
    )
    if (mistakes.length > 0) throw new ConfigError(mistakes)
  }

  async #stored(number: number): Promise<StoredVersion> {
    const found = await this.#options.versions.find(number)
    if (found) return found
    throw new GatewayError('not_found', `there is no version ${number} of the configuration`)
  }

  #shown({ text, ...version }: StoredVersion): ShownVersion {
    return { version, document: this.#masked(text) }
  }

  #masked(text: string): Record<string, unknown> {
    return this.#masks.masked(writtenValues(text))
  }

  #outdated(): ConfigOutcome {
    return { kind: 'outdated', present: this.number }
  }

  #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#working.then(work)
    // Whoever has asked for it is told; the next one is made all the same.
    this.#working = done.catch(() => undefined)
    return done
  }
}

/** What is wrong with a document; what would pass by itself, as a database that is away, is thrown on. */
function mistakesOf(error: unknown): readonly Mistake[] {
  if (error instanceof ConfigError) return error.mistakes
  if (error instanceof GatewayError && !error.retryable) {
    return [{ path: 'document', message: error.message.replaceAll(/\s+/g, ' ') }]
  }
  throw error
}
