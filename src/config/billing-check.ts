import { type Mistake, pathText } from './mistake.ts'
import { unknownTenants } from './tenants-check.ts'
import { tierMistakes } from './volume-tiers.ts'
import { duplicates, type Item, items, mappingAt, places } from './written-items.ts'

/** Rates and balances of whom the file does not have or that stand twice, and amounts without their currency. */
export function billingMistakes(
  root: Record<string, unknown>,
  tenants: readonly Item[],
): Mistake[] {
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
