import { Readable } from 'node:stream'
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { GatewayError } from '../../core/errors.ts'
import { type DeckSource, MAX_CSV_OCTETS } from '../../rates/deck-content.ts'
import type { DeckOwnerKind } from '../../rates/deck-tables.ts'
import type { RateDecks } from '../../rates/rate-decks.ts'
import type { AppEnv } from '../env.ts'
import { problemOf } from '../problem.ts'
import { onInvalid, openapiWithBody } from '../validation.ts'
import { json } from './json-response.ts'
import { problem } from './message-schema.ts'
import { previewBody, readingBody, versionBody } from './rate-deck-body.ts'
import * as schema from './rate-deck-schema.ts'

/** What the routes work with. */
export interface RateDeckParts {
  readonly rateDecks: RateDecks
}

const CSV_TYPE = 'text/csv'
const IS_CSV = /^text\/csv *(;|$)/i

const problems = {
  401: json('No valid API key.', problem),
  403: json("The key is a tenant's.", problem),
  404: json('No such carrier, tenant or version.', problem),
  422: json('A field is wrong; `errors` says which.', problem),
  503: json('Overloaded or stopping: come back after `Retry-After`.', problem),
}

const csvProblems = {
  ...problems,
  413: json('The deck is over 64 MB.', problem),
  415: json('The body is not said to be CSV.', problem),
}

const security = [{ apiKey: [] }]
const csvBody = {
  required: true,
  content: {
    [CSV_TYPE]: {
      schema: z.string().openapi({ example: 'prefix,price,currency\n44,0.0350,EUR\n' }),
    },
  },
}

const listRoute = createRoute({
  method: 'get',
  path: '/v1/rate-decks',
  summary: 'The rate deck that counts, of each carrier and tenant',
  description: 'For keys of the operator (`admin_keys`), as everything under `/v1/rate-decks`.',
  security,
  responses: { 200: json('The decks.', schema.deckList), ...problems },
})

const versionsRoute = createRoute({
  method: 'get',
  path: '/v1/rate-decks/{kind}/{owner}',
  summary: 'Every version of a rate deck, the latest first',
  security,
  request: { params: schema.owner },
  responses: { 200: json('The versions.', schema.versionList), ...problems },
})

const csvRoute = createRoute({
  method: 'get',
  path: '/v1/rate-decks/{kind}/{owner}/{version}',
  summary: 'A version of a rate deck as CSV',
  security,
  request: { params: schema.versioned },
  responses: {
    200: { description: 'The deck.', content: { [CSV_TYPE]: { schema: z.string() } } },
    ...problems,
  },
})

const previewRoute = createRoute({
  method: 'post',
  path: '/v1/rate-decks/{kind}/{owner}/preview',
  summary: 'What a rate deck would change, and every row that is wrong',
  security,
  request: { params: schema.owner, body: csvBody },
  responses: { 200: json('The differences.', schema.preview), ...csvProblems },
})

const importRoute = createRoute({
  method: 'post',
  path: '/v1/rate-decks/{kind}/{owner}',
  summary: 'Import a rate deck, which counts at once',
  description: 'With a mistake in any row nothing changes: the old deck stays.',
  security,
  request: { params: schema.owner, query: schema.importQuery, body: csvBody },
  responses: {
    201: json('It counts.', schema.imported),
    ...csvProblems,
    422: {
      description: 'Rows are wrong: `mistakes` says which and how.',
      content: { 'application/problem+json': { schema: schema.refused } },
    },
  },
})

const rollBackRoute = createRoute({
  method: 'post',
  path: '/v1/rate-decks/{kind}/{owner}/rollback',
  summary: 'Let the rates of an earlier version count again, as a new version',
  security,
  request: {
    params: schema.owner,
    body: { required: true as const, content: { 'application/json': { schema: schema.rollBack } } },
  },
  responses: {
    201: json('They count.', schema.rolledBack),
    400: json('The body is not JSON.', problem),
    ...problems,
  },
})

/** Routes under `/v1/rate-decks`. */
export function rateDeckRoutes({ rateDecks }: RateDeckParts) {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })

  app.openapi(listRoute, (c) => c.json({ rate_decks: rateDecks.all().map(versionBody) }, 200))

  app.openapi(versionsRoute, async (c) => {
    const { kind, owner } = c.req.valid('param')
    const versions = await rateDecks.versions(kind, owner)
    return c.json({ versions: versions.map(versionBody) }, 200)
  })

  app.openapi(csvRoute, async (c) => {
    const name = c.req.valid('param')
    const csv = await rateDecks.csv(name)
    const file = `${name.kind}-${name.owner}-${name.version}.csv`
    return c.body(Readable.toWeb(Readable.from(csv)) as ReadableStream, 200, {
      'content-type': `${CSV_TYPE}; charset=utf-8`,
      'content-disposition': `attachment; filename="${file}"`,
    })
  })

  app.openapi(previewRoute, async (c) => {
    const { kind, owner } = c.req.valid('param')
    return c.json(previewBody(await rateDecks.preview(kind, owner, csvOf(c))), 200)
  })

  app.openapi(importRoute, async (c) => {
    const { kind, owner } = c.req.valid('param')
    const { note } = c.req.valid('query')
    const entry = deckEntry(c, kind, owner).reason(note)
    const done = await rateDecks.import(kind, owner, csvOf(c), note)
    const reading = readingBody(done)
    if (done.isTaken) {
      const { rows, ignored_columns } = reading
      entry.after({ version: done.version, rows })
      return c.json({ version: done.version, rows, ignored_columns }, 201)
    }
    const [first] = done.mistakes
    const error = new GatewayError(
      'rate_deck_invalid',
      `mistakes: ${done.mistakeCount}, the first in line ${first?.line}: ` +
        `${[first?.column, first?.value && JSON.stringify(first.value), first?.message].filter(Boolean).join(' ')}`,
    )
    c.error = error
    return c.json({ ...problemOf(error, c.get('requestId')), ...reading }, 422, {
      'content-type': 'application/problem+json',
    })
  })

  openapiWithBody(app, rollBackRoute, async (c) => {
    const { kind, owner } = c.req.valid('param')
    const { version, note } = c.req.valid('json')
    const entry = deckEntry(c, kind, owner).reason(note)
    const added = await rateDecks.rollBack(kind, owner, version, note)
    entry.after({ version: added, as_version: version })
    return c.json({ version: added }, 201)
  })

  /** What the audit log says of a change of a deck, with the version that counts before it. */
  function deckEntry(c: Context<AppEnv>, kind: DeckOwnerKind, owner: string) {
    const current = rateDecks.current(kind, owner)
    const before = current ? { version: current.version } : null
    return c.get('audit').subject('rate_deck', `${kind}/${owner}`).before(before)
  }

  return app
}

/** The body of a request as it comes; a deck is too large to be kept as a whole. */
function csvOf(c: Context<AppEnv>): DeckSource {
  const type = c.req.header('content-type') ?? ''
  if (!IS_CSV.test(type)) {
    throw new GatewayError(
      'content_type_unsupported',
      `the content type is "${type}": send CSV with "Content-Type: text/csv"`,
    )
  }
  if (Number(c.req.header('content-length') ?? 0) > MAX_CSV_OCTETS) {
    throw new GatewayError('body_too_large', `the deck is over ${MAX_CSV_OCTETS} octets`)
  }
  return (c.req.raw.body as AsyncIterable<Uint8Array> | null) ?? ''
}
