import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ConfigDocuments, configDocuments } from '../../src/config/documents.ts'
import { systemClock } from '../../src/core/clock.ts'
import { GatewayError } from '../../src/core/errors.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { LiveConfig } from '../../src/live-config.ts'
import { reseal } from '../../src/messages/resealing.ts'
import { createCipher } from '../../src/store/cipher.ts'
import { checkEncryptionKeys } from '../../src/store/key-check.ts'
import type { Store } from '../../src/store/open.ts'
import { Configuration, type ConfigWish } from '../../src/versions/configuration.ts'
import { holdVersion } from '../../src/versions/start-version.ts'
import { VersionStore } from '../../src/versions/version-store.ts'
import { keepingLogger } from '../messages/keeping-logger.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { temporaryFolder } from '../support/gateway.ts'

/** Versions on both databases, with a gateway of which only some sections are live. */

const FILE = 'log_level: info\nadmin_keys: [operator-key-1]\n'
const OTHER = FILE.replace('info', 'debug')
const ONE = { id: 'k1', key: Buffer.alloc(32, 1) }
const TWO = { id: 'k2', key: Buffer.alloc(32, 2) }

let folder: Awaited<ReturnType<typeof temporaryFolder>>
/** What stands in the file at present. */
let file: string
const env: Record<string, string> = {}

beforeAll(async () => {
  folder = await temporaryFolder()
})
afterAll(() => folder.remove())
beforeEach(() => {
  file = FILE
})

function documents(): ConfigDocuments {
  return {
    readText: () => file,
    parse: (text) => {
      const source = { env, cwd: folder.path, file: '/dev/null' }
      const parsed = configDocuments(source)
      if (!parsed) throw new Error('there is no file')
      return parsed.parse(text)
    },
  }
}

function wish(text: string, more: Partial<ConfigWish> = {}): ConfigWish {
  return { text, who: 'key 1', comment: '', basedOn: undefined, isDryRun: false, ...more }
}

describe.each(testDatabases())('on $name', ({ open }) => {
  let plain: Store
  let store: Store

  beforeAll(async () => {
    plain = await open()
  })
  afterAll(() => plain.close())
  beforeEach(async () => {
    await truncate(plain)
    store = { ...plain, cipher: createCipher([ONE], 'k1') }
  })

  async function start(isFromFile = false, logger = silentLogger) {
    const versions = new VersionStore(store)
    const clock = systemClock
    const held = await holdVersion({ versions, documents: documents(), clock, logger, isFromFile })
    const live = new LiveConfig(held.config)
    live.add([
      { sections: ['logLevel'], prepare: async () => () => {} },
      {
        sections: ['alerts'],
        prepare: async ({ alerts }) => {
          if (alerts.webhook) throw new GatewayError('webhook_url_invalid', 'no alerts here')
          return () => {}
        },
      },
    ])
    return { live, configuration: new Configuration({ ...held, live, clock, logger }) }
  }

  it('the first start makes the file version 1, and the next finds it', async () => {
    await start()
    const { configuration } = await start()
    expect(configuration.present()).toMatchObject({
      version: { number: 1, source: 'start', who: null },
      document: { log_level: 'info', admin_keys: [expect.stringMatching(/^<secret:/)] },
    })
    expect(await configuration.list(10, 100)).toHaveLength(1)
  })

  it('a document of the API is a version, holds, and holds after a restart', async () => {
    const { live, configuration } = await start()
    const outcome = await configuration.change(wish(OTHER, { basedOn: 1, comment: 'why' }))
    expect(outcome).toMatchObject({
      kind: 'done',
      change: {
        version: { number: 2, source: 'api', who: 'key 1', comment: 'why' },
        changes: [{ path: 'log_level', before: 'info', after: 'debug' }],
        applied: ['log_level'],
        waiting: [],
      },
    })
    expect(live.running.logLevel).toBe('debug')
    const logger = keepingLogger()
    const again = await start(false, logger)
    expect(again.live.running.logLevel).toBe('debug')
    expect(JSON.stringify(logger.lines)).toMatch(/changed after the file.*|"source":"api"/)
  })

  it('a file that has changed meanwhile holds, and so does one that is asked for', async () => {
    await (await start()).configuration.change(wish(OTHER))
    file = FILE.replace('info', 'warn')
    const changed = await start()
    expect(changed.configuration.present()).toMatchObject({ version: { number: 3 } })
    expect(changed.live.running.logLevel).toBe('warn')
    await changed.configuration.change(wish(OTHER))
    const asked = await start(true)
    expect(asked.live.running.logLevel).toBe('warn')
    // Asked for at every start, it does not fill the list of versions.
    const again = await start(true)
    expect(again.configuration.number).toBe(asked.configuration.number)
    expect((await start()).live.running.logLevel).toBe('warn')
  })

  it('a file that is saved while it runs is the next version; one that is as it was is none', async () => {
    const { live, configuration } = await start()
    await configuration.change(wish(OTHER))
    await configuration.takeFile()
    expect(configuration.number).toBe(2)
    file = FILE.replace('info', 'error')
    await configuration.takeFile()
    expect(live.running.logLevel).toBe('error')
    expect(configuration.present().version).toMatchObject({ number: 3, source: 'file', who: null })
  })

  it('a mistake changes nothing: of the document, or of a part that cannot go by it', async () => {
    const { live, configuration } = await start()
    const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
    const alerts = `alerts: { webhook_url: "https://x.example", webhook_secret: "${secret}" }
`
    expect(await configuration.change(wish(OTHER + alerts))).toMatchObject({
      kind: 'refused',
      mistakes: [{ path: 'document', message: 'no alerts here' }],
    })
    const outcome = await configuration.change(wish(`log_level: loud\n`))
    expect(outcome).toMatchObject({
      kind: 'refused',
      mistakes: [{ path: 'log_level', line: 1, message: expect.stringContaining('"loud"') }],
    })
    expect(await configuration.change(wish('a: [\n'))).toMatchObject({
      kind: 'refused',
      mistakes: [{ path: 'document', message: expect.stringMatching(/^line 2/) }],
    })
    expect([live.running.logLevel, configuration.number]).toEqual(['info', 1])
  })

  it('a dry run tells the difference and changes nothing', async () => {
    const { live, configuration } = await start()
    const outcome = await configuration.change(
      wish(`${OTHER}http: { port: 8090 }\n`, { isDryRun: true }),
    )
    expect(outcome).toMatchObject({
      kind: 'done',
      change: { version: { number: 1 }, applied: ['log_level'], waiting: ['http'] },
    })
    expect([live.running.logLevel, configuration.number]).toEqual(['info', 1])
    expect(configuration.waiting).toEqual([])
  })

  it('what waits for a start is told until then', async () => {
    const { configuration } = await start()
    await configuration.change(wish(`${FILE}http: { port: 8090 }\n`))
    expect(configuration.waiting).toEqual(['http'])
    expect((await start()).configuration.waiting).toEqual([])
  })

  it('of changes made from the same version at once, one is taken', async () => {
    const { configuration } = await start()
    const outcomes = await Promise.all(
      ['debug', 'warn', 'error'].map((level) =>
        configuration.change(wish(FILE.replace('info', level), { basedOn: 1 })),
      ),
    )
    expect(outcomes.map(({ kind }) => kind)).toEqual(['done', 'outdated', 'outdated'])
    expect(outcomes[1]).toMatchObject({ present: 2 })
    expect(await configuration.list(10, 100)).toHaveLength(2)
  })

  it('an earlier version counts again as a new one', async () => {
    const { live, configuration } = await start()
    await configuration.change(wish(OTHER))
    const back = { number: 1, who: 'key 2', comment: 'it was better', basedOn: 2 }
    expect(await configuration.rollBack(back)).toMatchObject({
      kind: 'done',
      change: { version: { number: 3, source: 'rollback', rolledBackTo: 1, who: 'key 2' } },
    })
    expect(live.running.logLevel).toBe('info')
    expect(await configuration.rollBack(back)).toMatchObject({ kind: 'outdated', present: 3 })
    await expect(configuration.rollBack({ ...back, number: 9, basedOn: 3 })).rejects.toMatchObject({
      code: 'not_found',
    })
  })

  it('secrets are shown to nobody, sealed in the database, and kept where masks come back', async () => {
    const { live, configuration } = await start()
    const { document } = configuration.present()
    expect(JSON.stringify([document, await configuration.find(1)])).not.toContain('operator-key-1')
    await configuration.change(wish(JSON.stringify({ ...document, log_level: 'debug' })))
    expect(live.running).toMatchObject({ adminKeys: ['operator-key-1'], logLevel: 'debug' })
    const rows = await plain.query<{ document: string }>(sql`select document from config_versions`)
    expect(rows.map((row) => row.document.slice(0, 10))).toEqual(['enc:v1:k1:', 'enc:v1:k1:'])
    expect(JSON.stringify(rows)).not.toContain('operator-key-1')
  })

  it('stay readable when the key at rest is another', async () => {
    await start()
    await checkEncryptionKeys(store)
    store = { ...plain, cipher: createCipher([ONE, TWO], 'k2') }
    await checkEncryptionKeys(store)
    expect(await reseal(store, async () => false)).toMatchObject({ rows: 1, unreadable: 0 })
    store = { ...plain, cipher: createCipher([TWO], 'k2') }
    expect((await start()).configuration.number).toBe(1)
  })

  it('where the data is cannot be changed by the API, and is taken from the file at a start', async () => {
    const { configuration } = await start()
    const elsewhere = `${FILE}data_dir: /elsewhere\n`
    expect(await configuration.change(wish(elsewhere))).toMatchObject({
      kind: 'refused',
      mistakes: [
        { path: 'data_dir', message: expect.stringContaining('only be changed in the file') },
      ],
    })
    file = elsewhere
    await configuration.takeFile()
    expect(configuration.waiting).toEqual(['data_dir'])
    await configuration.change(wish(elsewhere.replace('info', 'debug')))
    expect((await start()).live.running).toMatchObject({ dataDir: '/elsewhere', logLevel: 'debug' })
  })

  it('a version that has become invalid stops the start, and says how to go by the file', async () => {
    env.LEVEL = 'debug'
    await (await start()).configuration.change(wish(FILE.replace('info', `\${LEVEL}`)))
    delete env.LEVEL
    await expect(start()).rejects.toMatchObject({
      code: 'config_version_invalid',
      message: expect.stringMatching(/^Version 2 .*--config-from-file.*\n.*\n.*LEVEL is not set/s),
    })
    expect((await start(true)).live.running.logLevel).toBe('info')
  })

  it('the oldest are forgotten, but never that of the file', async () => {
    const versions = new VersionStore(store)
    const about = { at: new Date(), who: null, comment: '', rolledBackTo: null, text: 'x' }
    await versions.add({ ...about, source: 'file' })
    await versions.add({ ...about, source: 'start' })
    for (let n = 0; n < 201; n++) await versions.add({ ...about, source: 'api' })
    const left = (await versions.list(300, 1_000)).map(({ number }) => number)
    expect([left.length, left[0], left.at(-2), left.at(-1)]).toEqual([201, 203, 4, 2])
    expect((await versions.newestOfFile())?.number).toBe(2)
  })
})
