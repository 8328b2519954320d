import { httpCarrierMistakes } from './http-carriers.ts'
import { type Mistake, pathText } from './mistake.ts'
import { smtpCarrierMistakes } from './smtp-carriers.ts'
import { type Item, isMapping, mappingAt } from './written-items.ts'

/** Mistakes of carriers that show only when several of their settings are seen together. */
export function carrierMistakes(carriers: readonly Item[]): Mistake[] {
  return carriers.flatMap(({ path, value }) => {
    if (value.type === 'http') return httpCarrierMistakes(path, value)
    if (value.type === 'smtp') return smtpCarrierMistakes(path, value)
    return [...waitOrder(path, value), ...hostsOrHost(path, value), ...checkReceipts(path, value)]
  })
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
