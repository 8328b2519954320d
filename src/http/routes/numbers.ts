import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { GatewayError } from '../../core/errors.ts'
import { maskNumber } from '../../core/logger.ts'
import type { NetworkDirectory } from '../../networks/directory.ts'
import type { NetworkVersion } from '../../networks/network-versions.ts'
import type { Destinations } from '../../routing/destination.ts'
import { destinationText } from '../../routing/destination.ts'
import type { LineMistake } from '../../routing/line-mistakes.ts'
import type { AppEnv } from '../env.ts'
import { problemOf, respondProblem } from '../problem.ts'
import { onInvalid, openapiWithBody } from '../validation.ts'
import { json } from './json-response.ts'
import { problem } from './message-schema.ts'
import * as schema from './number-schema.ts'

/** What the routes work with. */
export interface NumberParts {
  readonly networks: NetworkDirectory
  readonly destinations: Destinations
}

const problems = {
  401: json('No valid API key.', problem),
  403: json("The key is a tenant's.", problem),
  422: json('A field or a line is wrong; `errors` says which.', problem),
  503: json('The database is away: come back after `Retry-After`.', problem),
}

const security = [{ apiKey: [] }]
const text = { schema: z.string() }
const file = {
  body: { content: { 'text/csv': text, 'text/plain': text, 'application/json': text } },
}

const tablesRoute = createRoute({
  method: 'get',
  path: '/v1/networks',
  summary: 'What is known of networks, and the versions of the tables',
  description: 'For keys of the operator (`admin_keys`), as everything about numbers.',
  security,
  responses: { 200: json('The tables.', schema.networkTables), ...problems },
})

const importRoute = createRoute({
  method: 'post',
  path: '/v1/networks',
  summary: 'Take a file about networks in, or look at what it would change',
  description: 'The body is the file. With a mistake in it nothing changes.',
  security,
  request: { query: schema.importQuery, ...file },
  responses: { 200: json('What has changed.', schema.importReport), ...problems },
})

const restoreRoute = createRoute({
  method: 'post',
  path: '/v1/networks/{id}/restore',
  summary: 'Make an earlier version of a table count again',
  security,
  request: { params: z.object({ id: z.string() }) },
  responses: {
    200: json('The table counts, as a new version.', schema.networkTables),
    404: json('No such version.', problem),
    ...problems,
  },
})

const numberRoute = createRoute({
  method: 'get',
  path: '/v1/numbers/{number}',
  summary: 'What is known of a number: country, type, network',
  security,
  request: { params: z.object({ number: z.string().max(60) }), query: schema.numberQuery },
  responses: { 200: json('The number.', schema.numberReport), ...problems },
})

const portedRoute = createRoute({
  method: 'post',
  path: '/v1/ported-numbers',
  summary: 'Take a file of ported numbers in',
  description: 'The body is CSV with the header `number,mccmnc`. With a mistake nothing changes.',
  security,
  request: { query: schema.portedQuery, ...file },
  responses: { 200: json('What has changed.', schema.portedReport), ...problems },
})

const setPortedRoute = createRoute({
  method: 'put',
  path: '/v1/ported-numbers/{number}',
  summary: 'Say which network one number is with',
  security,
  request: {
    params: z.object({ number: z.string().max(60) }),
    body: { required: true, content: { 'application/json': { schema: schema.portedNumber } } },
  },
  responses: { 200: json('The number.', schema.numberReport), ...problems },
})

const removePortedRoute = createRoute({
  method: 'delete',
  path: '/v1/ported-numbers/{number}',
  summary: 'Take a number out of the table of ported numbers',
  security,
  request: { params: z.object({ number: z.string().max(60) }) },
  responses: {
    204: { description: 'It is out.' },
    404: json('It was not there.', problem),
    ...problems,
  },
})

/** Routes under `/v1/networks`, `/v1/numbers` and `/v1/ported-numbers`. */
export function numberRoutes({ networks, destinations }: NumberParts) {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })

  function read(number: string) {
    const parsed = destinations.read(number)
    if (parsed.ok) return parsed.number
    throw new GatewayError('to_invalid', `"${number}" is not a phone number: ${parsed.reason}`, {
      pointer: '/number',
    })
  }

  /** A number that has a network of its own. */
  function readWhole(text: string): string {
    const { e164, shortCode } = read(text)
    if (shortCode === undefined) return e164
    throw new GatewayError('to_invalid', `${shortCode} is a short code: it has no network`, {
      pointer: '/number',
    })
  }

  function numberBody(text: string) {
    const number = read(text)
    const isShort = number.shortCode !== undefined
    const { network, isPorted, from, range } = isShort ? NOTHING : networks.describe(number.e164)
    return {
      number: destinationText(number),
      country: number.country,
      type: number.type,
      region: number.region,
      network,
      ported: isPorted,
      from,
      range: range && { prefix: range.prefix, ...range.network },
    }
  }

  async function tablesBody() {
    const { ranges, names, ported, lookup } = networks.report
    const versions = await networks.versions()
    return {
      ranges,
      names,
      ported,
      lookup: lookup && {
        asked: lookup.asked,
        failed: lookup.failed,
        late: lookup.late,
        cached: lookup.cached,
        is_paused: lookup.isPaused,
      },
      versions: versions.map((version) => versionBody(version, isNewest(version, versions))),
    }
  }

  function tableSizes() {
    const { ranges, names, ported } = networks.report
    return { ranges, names, ported }
  }

  function portedEntry(e164: string) {
    const { network, isPorted } = networks.describe(e164)
    return { mccmnc: network?.mccmnc ?? null, ported: isPorted }
  }

  app.openapi(tablesRoute, async (c) => c.json(await tablesBody(), 200))

  app.openapi(importRoute, async (c) => {
    const { format, replaces, name, preview } = c.req.valid('query')
    const isPreview = preview === 'true'
    const wish = { format, text: await c.req.text(), source: name, replaces, isPreview }
    const entry = c.get('audit').subject('networks', format).before(tableSizes())
    const { version, rows, mistakes, mistakeCount, diff } = await networks.importNetworks(wish)
    if (isPreview) entry.nothingChanged()
    else if (version) entry.after({ ...tableSizes(), version: versionBody(version, true) })
    if (mistakeCount > 0 && !isPreview) return refusedFile(c, mistakes, mistakeCount) as never
    const report = {
      version: version && versionBody(version, true),
      rows,
      mistakes: mistakesBody(mistakes),
      mistake_count: mistakeCount,
      changes: diff && { ...diff, examples: [...diff.examples] },
    }
    return c.json(report, 200)
  })

  app.openapi(restoreRoute, async (c) => {
    const id = c.req.valid('param').id.toLowerCase()
    const entry = c.get('audit').subject('networks', id).before(tableSizes())
    const restored = await networks.restore(id)
    entry.after({ ...tableSizes(), version: versionBody(restored, true) })
    return c.json(await tablesBody(), 200)
  })

  app.openapi(numberRoute, async (c) => {
    const { number } = c.req.valid('param')
    if (c.req.valid('query').lookup === 'true') await networks.resolve([readWhole(number)])
    return c.json(numberBody(number), 200)
  })

  app.openapi(portedRoute, async (c) => {
    const { replace, preview } = c.req.valid('query')
    const isPreview = preview === 'true'
    const wish = { replaces: replace === 'true', isPreview }
    const entry = c.get('audit').subject('ported_numbers', 'file').before(tableSizes())
    const report = await networks.importPorted(piecesOf(c), wish)
    const { isApplied, rows, removed, mistakes, mistakeCount } = report
    if (isPreview) entry.nothingChanged()
    else entry.after({ ...tableSizes(), rows, removed })
    if (mistakeCount > 0 && !isPreview) return refusedFile(c, mistakes, mistakeCount) as never
    const body = {
      applied: isApplied,
      rows,
      removed,
      mistakes: mistakesBody(mistakes),
      mistake_count: mistakeCount,
    }
    return c.json(body, 200)
  })

  openapiWithBody(app, setPortedRoute, async (c) => {
    const e164 = readWhole(c.req.valid('param').number)
    const entry = c.get('audit').subject('number', maskNumber(e164)).before(portedEntry(e164))
    await networks.setPorted(e164, c.req.valid('json').mccmnc)
    entry.after(portedEntry(e164))
    return c.json(numberBody(e164), 200)
  })

  app.openapi(removePortedRoute, async (c) => {
    const { number } = c.req.valid('param')
    const e164 = readWhole(number)
    const entry = c.get('audit').subject('number', maskNumber(e164)).before(portedEntry(e164))
    if (await networks.removePorted(e164)) {
      entry.after(portedEntry(e164))
      return c.body(null, 204)
    }
    throw new GatewayError('not_found', `${number} is not in the table of ported numbers`)
  })

  return app
}

const NOTHING = { network: null, isPorted: false, from: null, range: null } as const

function isNewest(version: NetworkVersion, versions: readonly NetworkVersion[]): boolean {
  return versions.find(({ kind }) => kind === version.kind) === version
}

function versionBody(version: NetworkVersion, isCurrent: boolean) {
  const { id, kind, createdAt, source, rowCount } = version
  return {
    id,
    kind,
    created_at: createdAt.toISOString(),
    source,
    rows: rowCount,
    is_current: isCurrent,
  }
}

function mistakesBody(mistakes: readonly LineMistake[]) {
  return mistakes.map(({ line, message }) => ({ line, detail: message }))
}

/** Pointers into the file are those of RFC 5147: `#line=` with the lines before it. */
function refusedFile(c: Context<AppEnv>, mistakes: readonly LineMistake[], count: number) {
  const lines = count === 1 ? '1 line is wrong' : `${count} lines are wrong`
  const error = new GatewayError('file_invalid', `${lines}: nothing has changed`)
  c.error = error
  return respondProblem(c, {
    ...problemOf(error, c.get('requestId')),
    errors: mistakes.map(({ line, message }) => ({
      detail: `line ${line}: ${message}`,
      pointer: `#line=${line - 1},${line}`,
    })),
  })
}

/** The body in pieces, as they come. */
async function* piecesOf(c: Context<AppEnv>): AsyncGenerator<Uint8Array, undefined> {
  const reader = c.req.raw.body?.getReader()
  if (!reader) return undefined
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return undefined
    yield value
  }
}
