import { dirname, resolve } from 'node:path'
import type { z } from 'zod'
import { toAlerts } from './alerts.ts'
import { toBilling, toTenantBilling } from './billing.ts'
import { crossCheck } from './cross-check.ts'
import { describeSettings, keysAt, type SettingDescription } from './describe.ts'
import { lineFinder, readDocument, typed } from './document.ts'
import { toFailureRules } from './failure-rules.ts'
import { toGuards } from './guards.ts'
import { toHealth, toQuality } from './health.ts'
import { toHttp } from './http.ts'
import { toHttpCarrier } from './http-carriers.ts'
import { toEncryption, toFileRetention, toRetention } from './keeping.ts'
import { toLimits } from './limits.ts'
import { ConfigError, type Mistake, nearestKey, pathText, shownValue } from './mistake.ts'
import { toNumbers } from './numbers.ts'
import { accessMistakes } from './partner-access.ts'
import { type PartnerConfig, partnerSchema, toPartner } from './partners.ts'
import { readPem } from './pem.ts'
import { toPolicies } from './policies.ts'
import { applyPresets } from './presets.ts'
import { toPricing } from './rates.ts'
import { toRouting } from './routing.ts'
import { type Config, type FileContent, fileSchema } from './schema.ts'
import { toSessions } from './sessions.ts'
import { type SmppCarrierConfig, smppCarrierSchema, toSmppCarrier } from './smpp-carriers.ts'
import { toSmpp } from './smpp-listeners.ts'
import { toSmtpCarrier } from './smtp-carriers.ts'
import { type ConfigSource, type ConfigText, readConfigFile, variablesOf } from './source.ts'
import { toTemplates } from './templates.ts'
import { addTenants, documentPath, type OtherTenants } from './tenants.ts'
import { toUsage } from './usage.ts'
import { lastKey, textKeysOf } from './written.ts'

/** The settings of a carrier that have no default, and a few more, as code hands them over. */
export interface CarrierSettings {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly systemId: string
  readonly password: string
  readonly sessions?: number
  readonly window?: number
  readonly rates: readonly {
    readonly prefix: string
    readonly price: string
    readonly currency: string
  }[]
}

/**
 * Reads the configuration: environment over file over defaults.
 *
 * Without any file the gateway runs its sandbox (`sandbox` is true) and has no carriers.
 *
 * @param others - tenants of the API
 * @throws {ConfigError} with all mistakes at once, each with its place, the value and what is
 *   allowed; also when a file that was named does not exist
 */
export function loadConfig(source: ConfigSource, others: OtherTenants = []): Config {
  return parseConfig(readConfigFile(source), source, others)
}

/**
 * What a configuration says, environment over text over defaults.
 *
 * @param file - undefined: there is none, and the gateway runs its sandbox
 * @param others - tenants of the API
 * @throws {ConfigError} with all mistakes
 */
export function parseConfig(
  file: ConfigText | undefined,
  source: ConfigSource,
  others: OtherTenants = [],
): Config {
  const env = variablesOf(source)
  const settings = describeSettings()
  const mistakes: Mistake[] = []
  let root: Record<string, unknown> = {}
  if (file !== undefined) {
    const result = readDocument(file.text, file.path, textKeysOf(settings), env)
    mistakes.push(...result.mistakes)
    if (!result.ok) throw new ConfigError(mistakes)
    root = result.root
  }
  const variables = applyEnvironment(root, settings, env)
  applyPresets(root)
  const tenants = addTenants(root, others === 'unknown' ? [] : others)
  const parsed = fileSchema.safeParse(root)
  if (!parsed.success) {
    const told = new Set(mistakes.map(({ path }) => path))
    const secrets = secretKeysOf(settings)
    const found = parsed.error.issues.flatMap((issue) => describeIssue(issue, root, secrets))
    mistakes.push(...found.filter(({ path }) => !told.has(path)))
  }
  mistakes.push(...crossCheck(root).filter((each) => others !== 'unknown' || !each.isUnknownTenant))
  const named = mistakes.map((mistake) => ({
    ...mistake,
    path: variables.get(mistake.path) ?? tenantPath(mistake.path, tenants),
  }))
  if (!parsed.success || named.length > 0) throw new ConfigError(withLines(named, file))
  const made: Mistake[] = []
  const config = toConfig(parsed.data, source.cwd, file?.path, made, tenants.own)
  if (made.length > 0) throw new ConfigError(withLines(made, file))
  return config
}

/** What does not stand in the document is called by another name than its place there. */
function tenantPath(path: string, { own, added }: ReturnType<typeof addTenants>): string {
  const [all = '', index] = /^tenants\[(\d+)\]/.exec(path) ?? []
  const name = index === undefined ? undefined : added[Number(index) - own]
  return name === undefined ? path : documentPath(name) + path.slice(all.length)
}

/** Says where in the file the mistakes are. */
function withLines(mistakes: readonly Mistake[], file: ConfigText | undefined): Mistake[] {
  if (file === undefined) return [...mistakes]
  const lineOf = lineFinder(file.text)
  return mistakes.map((mistake) => {
    const line = lineOf(mistake.path)
    return line === undefined ? mistake : { ...mistake, line }
  })
}

/**
 * Completes a carrier that does not come from the file, such as one of the sandbox, by the file's
 * defaults.
 *
 * @throws {ConfigError} when a setting is not what the file would allow
 */
export function completeCarrier(settings: CarrierSettings): SmppCarrierConfig {
  const { systemId, ...others } = settings
  const root = { ...others, type: 'smpp', system_id: systemId }
  const parsed = smppCarrierSchema.safeParse(root)
  if (parsed.success) return toSmppCarrier(parsed.data, (pem) => pem)
  const secrets = secretKeysOf(describeSettings())
  throw new ConfigError(parsed.error.issues.flatMap((each) => describeIssue(each, root, secrets)))
}

/**
 * Completes a partner that does not come from the file, such as that of the sandbox, by the file's
 * defaults.
 *
 * @throws {ConfigError} when a setting is not what the file would allow
 */
export function completePartner(
  settings: Pick<PartnerConfig, 'systemId' | 'password' | 'tenant'>,
): PartnerConfig {
  const { systemId, ...others } = settings
  const root = { ...others, system_id: systemId }
  const parsed = partnerSchema.safeParse(root)
  if (parsed.success) return toPartner(parsed.data)
  const secrets = secretKeysOf(describeSettings())
  throw new ConfigError(parsed.error.issues.flatMap((each) => describeIssue(each, root, secrets)))
}

function secretKeysOf(settings: readonly SettingDescription[]): Set<string> {
  return new Set(settings.filter(({ isSecret }) => isSecret).map(({ path }) => lastKey(path)))
}

/** Writes the variables over the file's values and returns which path came from which one. */
function applyEnvironment(
  root: Record<string, unknown>,
  settings: readonly SettingDescription[],
  env: Readonly<Record<string, string | undefined>>,
): Map<string, string> {
  const variables = new Map<string, string>()
  for (const { path, variable, isText } of settings) {
    const value = variable === undefined ? undefined : env[variable]
    if (variable === undefined || value === undefined) continue
    const [first = '', second] = path.split('.')
    const leaf = isText === true ? value : typed(value)
    if (second === undefined) {
      root[first] = leaf
    } else {
      const section = root[first] ?? {}
      // A section that is no mapping is reported as it stands.
      if (typeof section !== 'object' || Array.isArray(section)) continue
      root[first] = { ...section, [second]: leaf }
    }
    variables.set(path, variable)
  }
  return variables
}

function describeIssue(
  issue: z.core.$ZodIssue,
  root: unknown,
  secrets: ReadonlySet<string>,
): Mistake[] {
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(issue.path) ?? []
    return issue.keys.map((key) => {
      const near = nearestKey(key, known)
      const hint = near === undefined ? `allowed: ${known.join(', ')}` : `did you mean ${near}?`
      return { path: pathText([...issue.path, key]), message: `there is no such key; ${hint}` }
    })
  }
  const value = valueAt(root, issue.path)
  if (issue.code === 'invalid_union' && value === undefined) {
    // Without a type nobody knows what else should be there: most likely what carriers over SMPP have.
    const path = issue.path.slice(0, -1)
    const issues = smppCarrierSchema.safeParse(valueAt(root, path)).error?.issues ?? []
    return issues.flatMap((each) =>
      describeIssue({ ...each, path: [...path, ...each.path] }, root, secrets),
    )
  }
  const key = issue.path.findLast((part) => typeof part === 'string')
  const isSecret = secrets.has(String(key))
  const problem =
    value === undefined ? 'is missing' : `${shownValue(value, isSecret)} is not allowed`
  return [{ path: pathText(issue.path), message: `${problem}; allowed: ${issue.message}` }]
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<PropertyKey, unknown>)[part]
  }
  return value
}

function toConfig(
  content: FileContent,
  cwd: string,
  file: string | undefined,
  mistakes: Mistake[],
  ownTenants: number,
): Config {
  const folder = file === undefined ? cwd : dirname(file)
  const carriers = content.carriers.map((carrier, index) => {
    const pem = (value: string | undefined, key: string) =>
      readPem(value, `carriers[${index}].${key}`, folder, mistakes)
    if (carrier.type === 'http') return toHttpCarrier(carrier)
    if (carrier.type === 'smtp') return toSmtpCarrier(carrier, pem)
    return toSmppCarrier(carrier, pem)
  })
  const smpp = toSmpp(content.smpp, folder, mistakes)
  const partners = content.partners.map(toPartner)
  for (const [index, partner] of partners.entries()) {
    mistakes.push(...accessMistakes(partner, ['partners', index], content.smpp))
  }
  if (partners.length > 0 && content.smpp.port === false && !content.smpp.tls) {
    const message = 'is off, and there is no smpp.tls: no partner could bind'
    mistakes.push({ path: 'smpp.port', message })
  }
  return {
    http: toHttp(content.http),
    smpp,
    dataDir: resolve(cwd, content.data_dir),
    databaseUrl: content.database_url,
    redis: content.redis_url ? { url: content.redis_url, prefix: content.redis_prefix } : undefined,
    logLevel: content.log_level,
    tenants: content.tenants.map((tenant, index) => ({
      name: tenant.name,
      apiKeys: tenant.api_keys,
      status: tenant.status,
      parent: tenant.parent,
      source: index < ownTenants ? 'file' : 'api',
      retention: toRetention(content.retention, tenant.retention),
      pricing: toPricing(tenant, content.rates),
      billing: toTenantBilling(content.billing, tenant.billing),
    })),
    carriers,
    partners,
    policies: toPolicies(content.policies),
    routing: toRouting(content.routing),
    templates: toTemplates(content.templates),
    failureRules: toFailureRules(content.failure_rules),
    alerts: toAlerts(content.alerts),
    webhooks: { allowPrivateAddresses: content.webhooks.allow_private_addresses },
    health: toHealth(content.health),
    quality: toQuality(content.quality),
    inbound: {
      reassemblySeconds: content.inbound.reassembly_seconds,
      routes: content.inbound.routes.map(({ to, keyword, carrier, tenant, partner }) => ({
        to,
        keyword,
        carrier,
        tenant,
        partner,
      })),
    },
    guards: toGuards(content.guards),
    billing: toBilling(content.billing, content.balances),
    usage: toUsage(content.usage),
    limits: toLimits(content.limits),
    numbers: toNumbers(content.numbers, folder),
    retention: toFileRetention(content.retention),
    encryption: toEncryption(content.encryption),
    adminKeys: content.admin_keys,
    sessions: toSessions(content.sessions),
    recorder: {
      pdusPerBind: content.recorder.pdus_per_bind,
      keepEndedBinds: content.recorder.keep_ended_binds,
      showTexts: content.recorder.show_texts,
    },
    sandbox: file === undefined,
    file,
  }
}
