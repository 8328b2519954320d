import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { type DirectoryOptions, NetworkDirectory } from '../../src/networks/directory.ts'
import type { NetworkFormat } from '../../src/networks/network-file.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'

const RANGES = 'prefix,mccmnc,name\n4477,23415,Vodafone\n4479,23430,EE\n4915,26201,Telekom\n'

describe.each(testDatabases())('NetworkDirectory on $name', ({ open }) => {
  let store: Store
  beforeAll(async () => {
    store = await open()
  })
  afterEach(() => truncate(store))
  afterAll(() => store.close())

  function opened(more: Partial<DirectoryOptions> = {}): Promise<NetworkDirectory> {
    return NetworkDirectory.open({ store, clock: systemClock, logger: silentLogger, ...more })
  }

  function taken(
    directory: NetworkDirectory,
    format: NetworkFormat,
    text: string,
    more: { replaces?: string; isPreview?: boolean } = {},
  ) {
    return directory.importNetworks({
      format,
      text,
      source: 'test',
      replaces: '',
      isPreview: false,
      ...more,
    })
  }

  async function* file(...pieces: string[]) {
    yield* pieces
  }

  it('knows nothing at first, and has nothing to wait for', async () => {
    const directory = await opened()
    expect(directory.find('+447700900123')).toBeNull()
    expect(directory.looksUp).toBe(false)
    expect(directory.resolve(['+447700900123'])).toBeUndefined()
    expect(directory.describe('+447700900123')).toEqual({
      network: null,
      isPorted: false,
      from: null,
      range: null,
    })
  })

  it('takes ranges in, tells what has changed, and has them after a restart', async () => {
    const first = await opened()
    const report = await taken(first, 'csv', RANGES)
    expect(report).toMatchObject({
      rows: 3,
      mistakeCount: 0,
      diff: { added: 3, changed: 0, removed: 0, unchanged: 0 },
      version: { kind: 'ranges', source: 'test', rowCount: 3 },
    })
    const again = await opened()
    expect(again.find('+447700900123')).toEqual({ mccmnc: '23415', name: 'Vodafone' })
    const changed = RANGES.replace('4479,23430,EE', '4479,23430,BT').replace(/4915.*\n/, '')
    expect((await taken(again, 'csv', changed, { isPreview: true })).diff).toEqual({
      added: 0,
      changed: 1,
      removed: 1,
      unchanged: 1,
      examples: [
        {
          prefix: '4479',
          before: { mccmnc: '23430', name: 'EE' },
          after: { mccmnc: '23430', name: 'BT' },
        },
        { prefix: '4915', before: { mccmnc: '26201', name: 'Telekom' }, after: null },
      ],
    })
    expect(again.find('+4915112345678'), 'a preview changes nothing').not.toBeNull()
    expect(await again.versions()).toHaveLength(1)
  })

  it('keeps the old table when a line is wrong', async () => {
    const directory = await opened()
    await taken(directory, 'csv', RANGES)
    const report = await taken(directory, 'csv', `${RANGES}44x,23415,Vodafone\n`)
    expect(report).toMatchObject({
      version: null,
      mistakeCount: 1,
      mistakes: [{ line: 5, message: expect.stringContaining('44x') }],
    })
    expect(directory.find('+4915112345678')?.mccmnc).toBe('26201')
    expect((await opened()).find('+4915112345678')?.mccmnc).toBe('26201')
  })

  it("replaces a country's ranges with a file of Google's, its names joined to codes", async () => {
    const directory = await opened()
    await taken(directory, 'csv', RANGES)
    const list = [
      { countryCode: 'GB', mcc: '234', mnc: '20', brand: 'Three', operator: 'Hutchison 3G' },
    ]
    expect(await taken(directory, 'mcc-mnc-list', JSON.stringify(list))).toMatchObject({
      rows: 1,
      version: { kind: 'operators' },
    })
    const google = '# a comment\n447400|Three\n447500|Sky\n'
    const report = await taken(directory, 'libphonenumber', google, { replaces: '44' })
    expect(report.diff).toMatchObject({ added: 2, removed: 2 })
    for (const each of [directory, await opened()]) {
      expect(each.find('+447400123456')).toEqual({ mccmnc: '23420', name: 'Three' })
      expect(each.find('+447500123456')).toEqual({ mccmnc: 'GB-sky', name: 'Sky' })
      expect(each.find('+447700900123')).toBeNull()
      expect(each.find('+4915112345678')?.mccmnc).toBe('26201')
    }
    await taken(directory, 'names', 'mccmnc,name,country\n23457,Sky,GB\n')
    await taken(directory, 'libphonenumber', google, { replaces: '44' })
    expect(directory.find('+447500123456')?.mccmnc).toBe('23457')
  })

  it('goes back to an earlier version', async () => {
    const directory = await opened()
    const { version } = await taken(directory, 'csv', RANGES)
    await taken(directory, 'csv', 'prefix,mccmnc,name\n1,310004,Verizon\n')
    expect(directory.find('+447700900123')).toBeNull()
    const restored = await directory.restore(version?.id ?? '')
    expect(restored).toMatchObject({ source: `restored ${version?.id}`, rowCount: 3 })
    for (const each of [directory, await opened()]) {
      expect(each.find('+447700900123')?.mccmnc).toBe('23415')
      expect(each.find('+12025550123')).toBeNull()
    }
    await expect(directory.restore('x')).rejects.toMatchObject({ code: 'not_found' })
  })

  it('keeps the latest 20 versions of a kind', async () => {
    const directory = await opened()
    for (let index = 0; index < 22; index++) {
      await taken(directory, 'names', `mccmnc,name,country\n23415,V${index},GB\n`)
    }
    await taken(directory, 'csv', RANGES)
    const kinds = (await directory.versions()).map(({ kind }) => kind)
    expect(kinds.filter((kind) => kind === 'names')).toHaveLength(20)
    expect(kinds[0]).toBe('ranges')
  })

  it('has ported numbers over the ranges, with the names that are known', async () => {
    const directory = await opened()
    await taken(directory, 'csv', RANGES)
    const report = await directory.importPorted(
      file('number,mcc', 'mnc\r\n+4477009', '00123,23430\r\n447700900124,26207\n\n'),
      { replaces: false, isPreview: false },
    )
    expect(report).toEqual({ isApplied: true, rows: 2, removed: 0, mistakes: [], mistakeCount: 0 })
    for (const each of [directory, await opened()]) {
      expect(each.describe('+447700900123')).toEqual({
        network: { mccmnc: '23430', name: 'EE' },
        isPorted: true,
        from: 'ported',
        range: { prefix: '4477', network: { mccmnc: '23415', name: 'Vodafone' } },
      })
      expect(each.find('+447700900124')).toEqual({ mccmnc: '26207', name: '26207' })
      expect(each.report.ported).toBe(2)
    }
    await directory.setPorted('+447700900125', '26201')
    expect(await directory.removePorted('+447700900124')).toBe(true)
    expect(await directory.removePorted('+447700900124')).toBe(false)
    const again = await opened()
    expect(again.find('+447700900125')).toEqual({ mccmnc: '26201', name: 'Telekom' })
    expect(again.find('+447700900124')?.mccmnc).toBe('23415')
    await expect(directory.setPorted('+447700900125', 'x')).rejects.toThrow(/mccmnc "x"/)
  })

  it('refuses a file of ported numbers with a wrong line, and replaces all when asked to', async () => {
    const directory = await opened()
    const good = { replaces: false, isPreview: false }
    await directory.importPorted(
      file('number,mccmnc\n447700900123,23430\n447700900124,23430\n'),
      good,
    )
    const wrong =
      'number,mccmnc\n447700900125,23430\n07700900126,23430\n447700900125,26201\n1,2,3\n'
    expect(await directory.importPorted(file(wrong), good)).toMatchObject({
      isApplied: false,
      mistakeCount: 3,
      mistakes: [
        { line: 3, message: expect.stringContaining('"07700900126"') },
        { line: 4, message: expect.stringContaining('stands in the file before') },
        { line: 5, message: expect.stringContaining('3 columns') },
      ],
    })
    expect(directory.report.ported).toBe(2)
    const next = 'number,mccmnc\n447700900124,26201\n447700900127,23430\n'
    expect(
      await directory.importPorted(file(next), { replaces: true, isPreview: true }),
    ).toMatchObject({ isApplied: false, rows: 2, removed: 1 })
    expect(directory.report.ported).toBe(2)
    await directory.importPorted(file(next), { replaces: true, isPreview: false })
    for (const each of [directory, await opened()]) {
      expect(each.find('+447700900123')).toBeNull()
      expect(each.find('+447700900124')?.mccmnc).toBe('26201')
      expect(each.find('+447700900127')?.mccmnc).toBe('23430')
    }
  })

  it('loads more ported numbers than one page of them', async () => {
    await store.query(sql`
      insert into ported_numbers (number, mccmnc, updated_at)
      select 447700000000 + n, case when n % 2 = 0 then '23415' else '23430' end, now()
      from generate_series(1, 45000) n`)
    const directory = await opened()
    expect(directory.report.ported).toBe(45_000)
    expect(directory.find('+447700045000')?.mccmnc).toBe('23415')
    expect(directory.find('+447700020001')?.mccmnc).toBe('23430')
  })

  it('asks the look-up, but not for what the operator has said, and puts it over ranges', async () => {
    const asked: string[] = []
    const directory = await opened({
      lookup: {
        settings: {
          url: 'https://hlr.example/{number}',
          token: undefined,
          field: 'mccmnc',
          timeoutMs: 1_000,
          deadlineMs: 60_000,
          concurrency: 10,
          ttlSeconds: 60,
          negativeTtlSeconds: 60,
          cacheEntries: 100,
          maxFailures: 5,
          pauseSeconds: 1,
        },
        fetchJson: async (url) => {
          asked.push(url.slice(-12))
          const isKnown = url.endsWith('3')
          return { status: 200, body: { mccmnc: isKnown ? '23430' : null } }
        },
      },
    })
    await taken(directory, 'csv', RANGES)
    await directory.setPorted('447700900133', '26201')
    await directory.resolve(['+447700900123', '+447700900133', '+447700900124'])
    expect(asked).toEqual(['447700900123', '447700900124'])
    expect(directory.describe('+447700900123')).toMatchObject({
      network: { mccmnc: '23430', name: 'EE' },
      isPorted: true,
      from: 'lookup',
    })
    expect(directory.describe('+447700900124')).toMatchObject({
      network: { mccmnc: '23415' },
      isPorted: false,
      from: 'range',
    })
    await directory.close()
  })
})
