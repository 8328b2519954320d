import { RETRYABLE_CLASSES, TRAFFIC_CLASSES } from '../core/policy.ts'
import { failureRuleMistakes } from './failure-rule-check.ts'
import { httpCarrierMistakes } from './http-carriers.ts'
import { type Mistake, namesText, pathText } from './mistake.ts'
import { numbersMistakes } from './numbers-check.ts'
import { DEFAULT_POLICIES } from './policies.ts'
import { sharedPorts } from './ports-check.ts'
import { smtpCarrierMistakes } from './smtp-carriers.ts'
import { tenantTreeMistakes } from './tenants-check.ts'
import { tierMistakes } from './volume-tiers.ts'

/**
 * Finds mistakes that show only when several settings are seen together.
 *
 * Works on the file as it was written, so that it also finds them in a file with other mistakes.
 */
export function crossCheck(root: Record<string, unknown>): Mistake[] {
  const tenants = items(root, 'tenants')
  const carriers = items(root, 'carriers')
  const partners = items(root, 'partners')
  const mistakes = [
    ...duplicates(places(tenants, 'name'), 'name'),
    ...duplicates(places(carriers, 'name'), 'name'),
    ...duplicates(places(items(root, 'templates'), 'id'), 'id'),
    ...unknownTemplateTenants(root, tenants),
    ...duplicates(places(partners, 'system_id'), 'system_id'),
    ...duplicates([...tenants.flatMap(apiKeyPlaces), ...keyPlaces(root, 'admin_keys')], 'key'),
  ]
  for (const { path, value } of [...carriers, ...tenants]) {
    mistakes.push(...duplicates(places(items(value, 'rates', path), 'prefix'), 'prefix'))
  }
  for (const { path, value } of carriers) {
    if (value.type === 'http') {
      mistakes.push(...httpCarrierMistakes(path, value))
      continue
    }
    if (value.type === 'smtp') {
      mistakes.push(...smtpCarrierMistakes(path, value))
      continue
    }
    mistakes.push(
      ...waitOrder(path, value),
      ...hostsOrHost(path, value),
      ...checkReceipts(path, value),
    )
  }
  mistakes.push(...unknownTenants([...partners, ...inboundRoutes(root)], tenants))
  mistakes.push(...tenantTreeMistakes(tenants), ...billingMistakes(root, tenants))
  mistakes.push(
    ...routingMistakes(root, tenants, carriers),
    ...inboundMistakes(root),
    ...guardExceptions(root, tenants),
    ...limitMistakes(root, tenants, partners),
    ...ruleMistakes(root, carriers, tenants),
    ...sharedPorts({
      http: mappingAt(root, ['http']),
      smpp: mappingAt(root, ['smpp']),
      smppTls: mappingAt(root, ['smpp']).tls ? mappingAt(root, ['smpp', 'tls']) : undefined,
      carriers,
    }),
  )
  mistakes.push(
    ...waitBounds(root),
    ...coolDownBounds(root),
    ...bodyAfterRecord(root, tenants),
    ...encryptionKeys(root),
  )
  const known = {
    carriers: places(carriers, 'name').map(({ value }) => value),
    tenants: places(tenants, 'name').map(({ value }) => value),
  }
  mistakes.push(...numbersMistakes(root.numbers, known))
  return mistakes
}

interface Place {
  readonly path: readonly PropertyKey[]
  readonly value: string
}

interface Item {
  readonly path: readonly PropertyKey[]
  readonly value: Record<string, unknown>
}

function items(
  parent: Record<string, unknown>,
  key: string,
  path: readonly PropertyKey[] = [],
): Item[] {
  const list = parent[key]
  if (!Array.isArray(list)) return []
  return list.flatMap((value: unknown, index) =>
    isMapping(value) ? [{ path: [...path, key, index], value }] : [],
  )
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function places(list: readonly Item[], key: string): Place[] {
  return list.flatMap(({ path, value }) => {
    const found = value[key]
    return typeof found === 'string' ? [{ path: [...path, key], value: found }] : []
  })
}

function apiKeyPlaces({ path, value }: Item): Place[] {
  return keyPlaces(value, 'api_keys', path)
}

function keyPlaces(
  parent: Record<string, unknown>,
  name: string,
  path: readonly PropertyKey[] = [],
): Place[] {
  const keys = parent[name]
  if (!Array.isArray(keys)) return []
  return keys.flatMap((key: unknown, index) =>
    typeof key === 'string' ? [{ path: [...path, name, index], value: key }] : [],
  )
}

function duplicates(list: readonly Place[], what: string): Mistake[] {
  const first = new Map<string, string>()
  const mistakes: Mistake[] = []
  for (const { path, value } of list) {
    const here = pathText(path)
    const earlier = first.get(value)
    if (earlier === undefined) {
      first.set(value, here)
    } else {
      const shown = what === 'key' ? 'the same key' : `the same ${what} ${JSON.stringify(value)}`
      mistakes.push({ path: here, message: `${shown} stands at ${earlier}; each must be unique` })
    }
  }
  return mistakes
}

function hostsOrHost(path: readonly PropertyKey[], carrier: Record<string, unknown>): Mistake[] {
  if (carrier.hosts === undefined) {
    return ['host', 'port']
      .filter((key) => carrier[key] === undefined || carrier[key] === null)
      .map((key) => ({
        path: pathText([...path, key]),
        message: 'is missing; allowed: "host" and "port", or "hosts" with a list of host:port',
      }))
  }
  return ['host', 'port']
    .filter((key) => carrier[key] !== undefined)
    .map((key) => ({
      path: pathText([...path, key]),
      message: 'stands beside "hosts"; write one or the other',
    }))
}

/** A check message is judged by its receipt. */
function checkReceipts(path: readonly PropertyKey[], carrier: Record<string, unknown>): Mistake[] {
  if (!isMapping(mappingAt(carrier, ['check']).message)) return []
  const { registered_delivery: asked = 1 } = carrier
  if (typeof asked !== 'number' || (asked & 1) !== 0) return []
  const message = `${asked} asks for no final receipts; check.message needs them`
  return [{ path: pathText([...path, 'registered_delivery']), message }]
}

function waitOrder(path: readonly PropertyKey[], carrier: Record<string, unknown>): Mistake[] {
  const wait = carrier.reconnect_seconds
  if (!isMapping(wait)) return []
  const { min = 1, max = 60 } = wait
  if (typeof min !== 'number' || typeof max !== 'number' || min <= max) return []
  return [
    {
      path: pathText([...path, 'reconnect_seconds']),
      message: `min ${min} is above max ${max}; min must not be larger`,
    },
  ]
}

function unknownTenants(partners: readonly Item[], tenants: readonly Item[]): Mistake[] {
  const names = places(tenants, 'name').map(({ value }) => value)
  const known = names.length === 0 ? 'the file has no tenants' : `one of ${namesText(names)}`
  return places(partners, 'tenant')
    .filter(({ value }) => !names.includes(value))
    .map(({ path, value }) => ({
      path: pathText(path),
      message: `there is no tenant ${JSON.stringify(value)}; allowed: ${known}`,
      isUnknownTenant: true,
    }))
}

function billingMistakes(root: Record<string, unknown>, tenants: readonly Item[]): Mistake[] {
  const rates = items(root, 'rates')
  const balances = items(root, 'balances')
  const listed = new Map<unknown, Item[]>()
  for (const rate of rates) {
    const ofTenant = listed.get(rate.value.tenant)
    if (ofTenant) ofTenant.push(rate)
    else listed.set(rate.value.tenant, [rate])
  }
  const perTenant = tenants.flatMap(({ path, value }) => {
    const inList = listed.get(value.name) ?? []
    // Those of one list are looked at elsewhere.
    return inList.length === 0
      ? []
      : duplicates(places([...items(value, 'rates', path), ...inList], 'prefix'), 'prefix')
  })
  const currencies = new Map(
    tenants.map(({ value }) => [value.name, mappingAt(value, ['billing']).currency]),
  )
  const foreign = balances.flatMap(({ path, value }) => {
    const currency = currencies.get(value.tenant)
    if (currency === undefined || currency === value.currency) return []
    const message = `must be ${String(currency)}, the currency of that tenant's account`
    return [{ path: pathText([...path, 'currency']), message }]
  })
  const limits = tenants.flatMap(({ path, value }) => {
    const { credit_limit, currency } = mappingAt(value, ['billing'])
    if (currency !== undefined || credit_limit === undefined) return []
    const message = `needs ${pathText([...path, 'billing', 'currency'])}: an amount of which currency is it?`
    return [{ path: pathText([...path, 'billing', 'credit_limit']), message }]
  })
  const twice = duplicates(
    balances.map(({ path, value }) => ({ path, value: `${value.tenant} ${value.currency}` })),
    'tenant and currency',
  )
  const tiers = [{ path: [], value: root }, ...tenants].flatMap(({ path, value }) =>
    tierMistakes(mappingAt(value, ['billing']).tiers, [...path, 'billing', 'tiers']),
  )
  return [
    ...unknownTenants([...rates, ...balances], tenants),
    ...perTenant,
    ...foreign,
    ...limits,
    ...tiers,
    ...twice,
  ]
}

function guardExceptions(root: Record<string, unknown>, tenants: readonly Item[]): Mistake[] {
  const named = mappingAt(root, ['guards', 'except']).tenants
  if (!Array.isArray(named)) return []
  const names = named.map((value, index) => ({
    path: ['guards', 'except', 'tenants', index],
    value: { tenant: value },
  }))
  return unknownTenants(names, tenants).map(({ path, message }) => ({
    path: path.replace(/\.tenant$/, ''),
    message,
    isUnknownTenant: true,
  }))
}

/** Limits of whom the file does not have, or that stand twice. */
function limitMistakes(
  root: Record<string, unknown>,
  tenants: readonly Item[],
  partners: readonly Item[],
): Mistake[] {
  const section = mappingAt(root, ['limits'])
  const lists = [
    { list: 'keys', key: 'key' },
    { list: 'tenants', key: 'tenant', known: places(tenants, 'name') },
    { list: 'partners', key: 'partner', known: places(partners, 'system_id') },
    { list: 'senders', key: 'sender' },
    { list: 'countries', key: 'country' },
  ]
  return lists.flatMap(({ list, key, known }) => {
    const named = places(items(section, list, ['limits']), key)
    const names = known?.map(({ value }) => value)
    return [...duplicates(named, key), ...(names ? unknown(named, key, names) : [])]
  })
}

function inboundRoutes(root: Record<string, unknown>): Item[] {
  return items(mappingAt(root, ['inbound']), 'routes', ['inbound'])
}

/** Templates for tenants that there are not. */
function unknownTemplateTenants(
  root: Record<string, unknown>,
  tenants: readonly Item[],
): Mistake[] {
  const names = places(tenants, 'name').map(({ value }) => value)
  return items(root, 'templates')
    .flatMap(({ path, value }) => keyPlaces(value, 'tenants', path))
    .filter(({ value }) => !names.includes(value))
    .map(({ path, value }) => ({
      path: pathText(path),
      message: `there is no tenant ${JSON.stringify(value)}; allowed: ${namesText(names)}`,
      isUnknownTenant: true,
    }))
}

/** Routes that name what is not there, or that say the same as another. */
function inboundMistakes(root: Record<string, unknown>): Mistake[] {
  const routes = inboundRoutes(root)
  const carriers = places(items(root, 'carriers'), 'name').map(({ value }) => value)
  const partners = items(root, 'partners').map(({ value }) => value)
  const unknownCarriers = places(routes, 'carrier')
    .filter(({ value }) => !carriers.includes(value))
    .map(({ path, value }) => ({
      path: pathText(path),
      message: `there is no carrier ${JSON.stringify(value)}; allowed: ${carriers.join(', ')}`,
    }))
  const unknownPartners = routes.flatMap(({ path, value: { partner, tenant } }) => {
    if (typeof partner !== 'string') return []
    const theirs = partners.filter((each) => each.tenant === tenant).map((each) => each.system_id)
    if (theirs.includes(partner)) return []
    const known = theirs.length === 0 ? 'that tenant has none' : `one of ${theirs.join(', ')}`
    const message = `there is no partner ${JSON.stringify(partner)} of this tenant; allowed: ${known}`
    return [{ path: pathText([...path, 'partner']), message }]
  })
  const conditions = routes.map(({ path, value: { to, keyword, carrier } }) => {
    const parts = [
      String(to ?? '').replace(/^\+/, ''),
      String(keyword ?? ''),
      String(carrier ?? ''),
    ]
    return { path, value: parts.join(' ').toUpperCase() }
  })
  return [...unknownCarriers, ...unknownPartners, ...duplicates(conditions, 'conditions')]
}

/** Routes that name what is not there, twice the same, or a currency without a value. */
function routingMistakes(
  root: Record<string, unknown>,
  tenants: readonly Item[],
  carriers: readonly Item[],
): Mistake[] {
  const section = mappingAt(root, ['routing'])
  const routes = items(section, 'routes', ['routing'])
  const carrierNames = places(carriers, 'name').map(({ value }) => value)
  const tenantNames = places(tenants, 'name').map(({ value }) => value)
  const named = routes.flatMap(({ path, value }) => {
    const weights = mappingAt(value, ['strategy', 'weights'])
    const weighted = Object.keys(weights).map((name) => ({
      path: [...path, 'strategy', 'weights', name],
      value: name,
    }))
    const canary = places(
      [{ path: [...path, 'canary'], value: mappingAt(value, ['canary']) }],
      'carrier',
    )
    return [
      ...keyPlaces(value, 'carriers', path),
      ...keyPlaces(value, 'deny', path),
      ...weighted,
      ...canary,
    ]
  })
  return [
    ...duplicates(places(routes, 'name'), 'name'),
    ...unknown(named, 'carrier', carrierNames),
    ...unknown(
      routes.flatMap(({ path, value }) => keyPlaces(value, 'tenants', path)),
      'tenant',
      tenantNames,
    ),
    ...unconverted(section, carriers),
  ]
}

function unknown(named: readonly Place[], what: string, known: readonly string[]): Mistake[] {
  const allowed = known.length === 0 ? 'the file has none' : namesText(known)
  return named
    .filter(({ value }) => !known.includes(value))
    .map(({ path, value }) => ({
      path: pathText(path),
      message: `there is no ${what} ${JSON.stringify(value)}; allowed: ${allowed}`,
      isUnknownTenant: what === 'tenant',
    }))
}

/** With a base currency every price must be comparable. */
function unconverted(section: Record<string, unknown>, carriers: readonly Item[]): Mistake[] {
  const { base_currency: base } = section
  if (typeof base !== 'string') return []
  const known = new Set([base, ...Object.keys(mappingAt(section, ['conversion']))])
  const rates = carriers.flatMap(({ path, value }) => items(value, 'rates', path))
  return places(rates, 'currency')
    .filter(({ value }) => !known.has(value))
    .map(({ path, value }) => ({
      path: pathText(path),
      message: `${value} has no value in ${base}; add it to routing.conversion`,
    }))
}

function ruleMistakes(
  root: Record<string, unknown>,
  carriers: readonly Item[],
  tenants: readonly Item[],
): Mistake[] {
  const rules = items(root, 'failure_rules')
  const namesOf = (list: readonly Item[]) => places(list, 'name').map(({ value }) => value)
  return [
    ...duplicates(places(rules, 'name'), 'name'),
    ...failureRuleMistakes(rules, {
      carriers: namesOf(carriers),
      tenants: namesOf(tenants),
      alerts: mappingAt(root, ['alerts']),
    }),
  ]
}

function waitBounds(root: Record<string, unknown>): Mistake[] {
  return TRAFFIC_CLASSES.flatMap((trafficClass) =>
    RETRYABLE_CLASSES.flatMap((errorClass) => {
      const path = ['policies', trafficClass, 'retry', errorClass]
      const { firstSeconds, maxSeconds } = DEFAULT_POLICIES[trafficClass].retry[errorClass]
      const wait = mappingAt(root, path)
      const { first_seconds: first = firstSeconds, max_seconds: max = maxSeconds } = wait
      if (typeof first !== 'number' || typeof max !== 'number' || first <= max) return []
      const message = `first_seconds ${first} is above max_seconds ${max}; it must not be larger`
      return [{ path: pathText(path), message }]
    }),
  )
}

function coolDownBounds(root: Record<string, unknown>): Mistake[] {
  const { cool_down_seconds: first = 30, max_cool_down_seconds: max = 600 } = mappingAt(root, [
    'health',
  ])
  if (typeof first !== 'number' || typeof max !== 'number' || first <= max) return []
  const message = `cool_down_seconds ${first} is above max_cool_down_seconds ${max}; it must not be larger`
  return [{ path: 'health.cool_down_seconds', message }]
}

function bodyAfterRecord(root: Record<string, unknown>, tenants: readonly Item[]): Mistake[] {
  const file = mappingAt(root, ['retention'])
  const own = tenants.map(({ path, value }) => ({
    path: [...path, 'retention'],
    keep: mappingAt(value, ['retention']),
  }))
  return [{ path: ['retention'], keep: file }, ...own].flatMap(({ path, keep }) => {
    // A tenant that says nothing about either inherits a mistake that is told already.
    if (path.length > 1 && keep.days === undefined && keep.body_days === undefined) return []
    const days = keep.days ?? file.days ?? 0
    const bodyDays = keep.body_days ?? file.body_days ?? 0
    if (typeof days !== 'number' || typeof bodyDays !== 'number') return []
    if (days === 0 || bodyDays <= days) return []
    const message = `body_days ${bodyDays} is above days ${days}; the record goes with its text`
    return [{ path: pathText(path), message }]
  })
}

function encryptionKeys(root: Record<string, unknown>): Mistake[] {
  const section = mappingAt(root, ['encryption'])
  const keys = items(section, 'keys', ['encryption'])
  const ids = places(keys, 'id')
  const mistakes = [...duplicates(ids, 'id'), ...duplicates(places(keys, 'key'), 'key')]
  const { active } = section
  if (typeof active !== 'string' || ids.some(({ value }) => value === active)) return mistakes
  const known = ids.length === 0 ? 'the file has no keys' : ids.map(({ value }) => value).join(', ')
  // Without the value: it may be the key itself, written in the wrong place.
  const message = `there is no key of this id; allowed: ${known}`
  return [...mistakes, { path: 'encryption.active', message }]
}

/** The mapping at a place; an empty one where there is none. */
function mappingAt(
  root: Record<string, unknown>,
  path: readonly string[],
): Record<string, unknown> {
  let here = root
  for (const key of path) {
    const next = here[key]
    if (!isMapping(next)) return {}
    here = next
  }
  return here
}
