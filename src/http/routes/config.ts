import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { callerText } from '../../accounts/caller.ts'
import { GatewayError } from '../../core/errors.ts'
import { changeEntry } from '../../versions/change-entry.ts'
import type {
  ConfigChange,
  ConfigOutcome,
  Configuration,
  ShownVersion,
} from '../../versions/configuration.ts'
import type { VersionRecord } from '../../versions/version-store.ts'
import type { AppEnv } from '../env.ts'
import { problemOf } from '../problem.ts'
import { onInvalid, openapiWithBody } from '../validation.ts'
import * as schema from './config-schema.ts'
import { json } from './json-response.ts'
import { problem } from './message-schema.ts'

/** What the routes work with. */
export interface ConfigParts {
  /** Undefined: the gateway was started without a configuration file. */
  readonly configuration: Configuration | undefined
}

const YAML_TYPE = 'application/yaml'
const MAX_CHANGES = 1_000
/** No version has such a number: what a column of 4 octets holds. */
const ABOVE_ALL = 2 ** 31 - 1

const problems = {
  401: json('No valid API key.', problem),
  403: json("The key is a tenant's.", problem),
  409: json('The gateway was started without a configuration file.', problem),
  422: json('A field is wrong; `errors` says which.', problem),
  503: json('Overloaded or stopping: come back after `Retry-After`.', problem),
}

const changeProblems = {
  ...problems,
  400: json('`If-Match` is malformed.', problem),
  412: json('The configuration is another than the change was made from.', problem),
  422: {
    description: 'The document cannot be used: `mistakes` says where and why. Nothing has changed.',
    content: {
      'application/problem+json': { schema: problem.extend({ mistakes: schema.mistakes }) },
    },
  },
}

const security = [{ apiKey: [] }]
const unknownVersion = json('No such version.', problem)

const presentRoute = createRoute({
  method: 'get',
  path: '/v1/config',
  summary: 'The configuration that holds, secrets masked',
  description: 'For keys of the operator (`admin_keys`), as everything under `/v1/config`.',
  security,
  responses: {
    200: json('The configuration; `ETag` is its version.', schema.present),
    ...problems,
  },
})

const versionsRoute = createRoute({
  method: 'get',
  path: '/v1/config/versions',
  summary: 'Versions of the configuration, the latest first',
  security,
  request: { query: schema.listQuery },
  responses: { 200: json('The versions.', schema.versionList), ...problems },
})

const versionRoute = createRoute({
  method: 'get',
  path: '/v1/config/versions/{number}',
  summary: 'One version of the configuration, secrets masked',
  security,
  request: { params: schema.numbered },
  responses: { 200: json('The version.', schema.shownVersion), 404: unknownVersion, ...problems },
})

const changeRoute = createRoute({
  method: 'put',
  path: '/v1/config',
  summary: 'Change the configuration, as a whole',
  description:
    'The body is the whole document, YAML or JSON. What can change while the gateway runs does so at once and ' +
    'together; with any mistake nothing changes.',
  security,
  request: {
    query: schema.changeQuery,
    headers: schema.ifMatch,
    body: {
      required: true,
      content: { [YAML_TYPE]: { schema: z.string().openapi({ example: 'log_level: debug\n' }) } },
    },
  },
  responses: {
    200: json('What has changed, or would.', schema.change),
    ...changeProblems,
    413: json('The document is over 1 MB.', problem),
    415: json('The body is not said to be YAML or JSON.', problem),
    428: json('There is no `If-Match`.', problem),
  },
})

const rollBackRoute = createRoute({
  method: 'post',
  path: '/v1/config/versions/{number}/rollback',
  summary: 'Let an earlier version of the configuration count again, as a new one',
  security,
  request: {
    params: schema.numbered,
    headers: schema.ifMatch,
    body: { required: true as const, content: { 'application/json': { schema: schema.rollBack } } },
  },
  responses: {
    200: json('What has changed.', schema.change),
    404: unknownVersion,
    ...changeProblems,
  },
})

/** Routes under `/v1/config`. */
export function configRoutes({ configuration }: ConfigParts) {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })

  const there = (): Configuration => {
    if (configuration) return configuration
    throw new GatewayError(
      'config_file_missing',
      'the gateway was started without a configuration file: write one, and start it again',
    )
  }

  app.openapi(presentRoute, (c) => {
    const shown = there().present()
    c.header('etag', `"${shown.version.number}"`)
    return c.json({ ...shownBody(shown), waits_for_start: there().waiting }, 200)
  })

  app.openapi(versionsRoute, async (c) => {
    const { limit, below = ABOVE_ALL } = c.req.valid('query')
    const versions = await there().list(limit, below)
    return c.json({ versions: versions.map(versionBody) }, 200)
  })

  app.openapi(versionRoute, async (c) => {
    return c.json(shownBody(await there().find(c.req.valid('param').number)), 200)
  })

  app.openapi(changeRoute, async (c) => {
    const { dry_run: dryRun, comment = '' } = c.req.valid('query')
    const basedOn = basedOnOf(c)
    if (basedOn === undefined) {
      throw new GatewayError(
        'if_match_required',
        'send the version that the change was made from, as "If-Match: 12", or "If-Match: *"',
      )
    }
    const isDryRun = dryRun === 'true'
    const text = await c.req.text()
    const who = callerText(c.get('caller'))
    const before = there().number
    c.get('audit').subject('configuration', String(before)).reason(comment)
    const outcome = await there().change({ text, who, comment, ...basedOn, isDryRun })
    return answer(c, outcome, { before, isDryRun })
  })

  openapiWithBody(app, rollBackRoute, async (c) => {
    const { number } = c.req.valid('param')
    const { comment = '' } = c.req.valid('json')
    const { basedOn } = basedOnOf(c) ?? { basedOn: undefined }
    const wish = { number, who: callerText(c.get('caller')), comment, basedOn }
    const before = there().number
    c.get('audit').subject('configuration', String(before)).reason(comment)
    const outcome = await there().rollBack(wish)
    return answer(c, outcome, { before, isDryRun: false })
  })

  return app
}

/** @throws {GatewayError} `config_outdated` */
function answer(
  c: Context<AppEnv>,
  outcome: ConfigOutcome,
  { before, isDryRun }: { readonly before: number; readonly isDryRun: boolean },
) {
  if (outcome.kind === 'done') {
    const { version } = outcome.change
    c.header('etag', `"${version.number}"`)
    const entry = c.get('audit').before({ version: before }).after(changeEntry(outcome.change))
    if (isDryRun || version.number === before) entry.nothingChanged()
    return c.json(changeBody(outcome.change, isDryRun), 200)
  }
  if (outcome.kind === 'outdated') {
    throw new GatewayError(
      'config_outdated',
      `version ${outcome.present} of the configuration holds: get it, and make the change again`,
    )
  }
  const mistakes = outcome.mistakes.map(({ path, line = null, message }) => {
    return { path, line, message }
  })
  const [first] = mistakes
  const detail = `mistakes: ${mistakes.length}, the first: ${first?.path}: ${first?.message}`
  const error = new GatewayError('config_invalid', detail)
  c.error = error
  return c.json({ ...problemOf(error, c.get('requestId')), mistakes }, 422, {
    'content-type': 'application/problem+json',
  })
}

/** What `If-Match` says, `basedOn` undefined for `*`; undefined where there is none. */
function basedOnOf(c: Context<AppEnv>): { basedOn: number | undefined } | undefined {
  const header = c.req.header('if-match')
  if (header === undefined) return undefined
  if (header.trim() === '*') return { basedOn: undefined }
  const number = /^\s*"?(\d{1,9})"?\s*$/.exec(header)?.[1]
  if (number !== undefined) return { basedOn: Number(number) }
  throw new GatewayError(
    'if_match_invalid',
    `If-Match is ${JSON.stringify(header)}: write the number of a version, or *`,
  )
}

function shownBody({ version, document }: ShownVersion) {
  return { version: versionBody(version), document: { ...document } }
}

function changeBody({ version, changes, applied, waiting }: ConfigChange, isDryRun: boolean) {
  return {
    version: versionBody(version),
    is_dry_run: isDryRun,
    change_count: changes.length,
    changes: changes.slice(0, MAX_CHANGES),
    applied: [...applied],
    waits_for_start: [...waiting],
  }
}

function versionBody({ number, at, source, who, comment, rolledBackTo }: VersionRecord) {
  return { number, at: at.toISOString(), source, who, comment, rolled_back_to: rolledBackTo }
}
