import type { ConfigDocuments } from '../config/documents.ts'
import type { Config } from '../config/schema.ts'
import { FILE_SECTIONS } from '../config/sections.ts'
import type { Clock } from '../core/clock.ts'
import { GatewayError, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { StoredVersion, VersionStore } from './version-store.ts'

/** The version that holds when the gateway starts, what it says, and where there are others. */
export interface HeldVersion extends Pick<StartOptions, 'versions' | 'documents'> {
  readonly version: StoredVersion
  readonly config: Config
}

/** What {@link holdVersion} works with. */
export interface StartOptions {
  readonly versions: VersionStore
  readonly documents: ConfigDocuments
  readonly clock: Clock
  readonly logger: Logger
  /** The file holds, even where it has not changed since it was taken over last. */
  readonly isFromFile: boolean
}

/**
 * Finds the version that holds: the last change wins. Where the file is another than it was, it becomes a new
 * version; where it is not, the newest version holds, which may have come by the API since.
 *
 * @throws {ConfigError} when the file has a mistake; {GatewayError} `config_version_invalid` when the newest
 *   version has one by now, `storage_unavailable`
 */
export async function holdVersion(options: StartOptions): Promise<HeldVersion> {
  const { versions, documents, logger, isFromFile } = options
  const parts = { versions, documents }
  const text = documents.readText()
  const ofFile = documents.parse(text)
  const [newest, newestOfFile] = [await versions.newest(), await versions.newestOfFile()]
  const isFileNewest = newest?.number === newestOfFile?.number
  if (!newest || newestOfFile?.text !== text || (isFromFile && !isFileNewest)) {
    const version = await fileVersion(options, text)
    logger.info({ version: version.number }, 'the configuration is that of the file, a new version')
    return { ...parts, version, config: ofFile }
  }
  if (isFileNewest) return { ...parts, version: newest, config: ofFile }
  const { number, source, at } = newest
  logger.warn(
    { version: number, source, at, ofFile: newestOfFile.number },
    'the configuration was changed after the file: that change holds, not the file',
  )
  const config = withFileSections(parseStored(newest, documents), ofFile)
  return { ...parts, version: newest, config }
}

async function fileVersion(
  { versions, clock }: StartOptions,
  text: string,
): Promise<StoredVersion> {
  const about = { source: 'start', who: null, comment: '', rolledBackTo: null } as const
  return versions.add({ ...about, at: clock(), text })
}

function parseStored({ number, source, text }: StoredVersion, documents: ConfigDocuments): Config {
  try {
    return documents.parse(text)
  } catch (cause) {
    throw new GatewayError(
      'config_version_invalid',
      `Version ${number} of the configuration (${source}) holds, and cannot be used any more. ` +
        '"linehaul serve --config-from-file" starts with the file instead.\n' +
        messageOf(cause),
      { cause },
    )
  }
}

function withFileSections(config: Config, ofFile: Config): Config {
  const kept = FILE_SECTIONS.map((section) => [section, ofFile[section]])
  return { ...config, ...Object.fromEntries(kept) }
}
