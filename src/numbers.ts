import { isDeepStrictEqual } from 'node:util'
import type { NumbersConfig, SenderRuleConfig } from './config/numbers.ts'
import type { Clock } from './core/clock.ts'
import { GatewayError, messageOf } from './core/errors.ts'
import type { Logger } from './core/logger.ts'
import { NetworkDirectory } from './networks/directory.ts'
import { type OnTableTaken, takeInFiles } from './networks/table-files.ts'
import { Destinations } from './routing/destination.ts'
import { knownCountries } from './routing/number.ts'
import { parseSender } from './routing/sender.ts'
import { type SenderRule, SenderRules, type SenderRulesOptions } from './routing/sender-rules.ts'
import type { Store } from './store/open.ts'
import { VERSION } from './version.ts'
import { AddressGuard } from './webhooks/address-guard.ts'
import { GuardedJson } from './webhooks/guarded-json.ts'

/** What the gateway knows of numbers and senders. */
export interface Numbers {
  readonly networks: NetworkDirectory
  readonly destinations: Destinations
  readonly senderRules: SenderRules
  /**
   * Gets everything ready for another configuration; what it gives takes it over. Files are taken in after that.
   *
   * @param carriers - names of all carriers
   * @throws {GatewayError} as {@link openNumbers}
   */
  prepare(config: NumbersConfig, carriers: readonly string[]): () => void
  close(): Promise<void>
}

/** What {@link openNumbers} works with. */
export interface NumbersOptions {
  readonly config: NumbersConfig
  readonly carriers: readonly string[]
  /** The id of a tenant by its name. */
  readonly tenantId: (name: string) => string | undefined
  readonly store: Store
  readonly logger: Logger
  readonly clock: Clock
  /** Told of every file that was taken in. */
  readonly onTableTaken?: OnTableTaken
}

/**
 * Loads the tables of networks, takes in the files of the configuration, and reads its rules.
 *
 * @throws {GatewayError} `config_invalid` for a country without numbers or a sender that is none;
 *   `webhook_url_invalid`, `webhook_address_refused` for a look-up that may not be asked
 */
export async function openNumbers(options: NumbersOptions): Promise<Numbers> {
  const { config, carriers, tenantId, store, logger, clock, onTableTaken } = options
  checkNumbers(config)
  let lookup = openLookup(config.lookup)
  const networks = await NetworkDirectory.open({ store, clock, logger, lookup: lookup?.asked })
  await takeInFiles(networks, config, logger, onTableTaken)
  const destinations = new Destinations(config.shortCodes, carriers)
  const senderRules = new SenderRules(senderRulesOf(config, tenantId))
  let present = config
  /** What ends in the background: look-ups of a configuration before, files that are taken in. */
  let ending: Promise<void> = Promise.resolve()

  function lookUpBy(next: ReturnType<typeof openLookup>): void {
    const before = lookup
    lookup = next
    ending = Promise.all([ending, networks.lookUpBy(next?.asked)])
      .then(() => before?.json.close())
      .catch((error: unknown) => {
        logger.error({ error: messageOf(error) }, 'the look-up before could not be closed')
      })
  }

  return {
    networks,
    destinations,
    senderRules,
    prepare(next, names) {
      checkNumbers(next)
      const isLookupNew = !isDeepStrictEqual(next.lookup, present.lookup)
      const nextLookup = isLookupNew ? openLookup(next.lookup) : lookup
      return () => {
        present = next
        if (isLookupNew) lookUpBy(nextLookup)
        destinations.replace(next.shortCodes, names)
        senderRules.replace(senderRulesOf(next, tenantId))
        ending = ending.then(() => takeInFiles(networks, next, logger, onTableTaken))
      }
    },
    async close() {
      await ending
      await lookup?.json.close()
      await networks.close()
    },
  }
}

function openLookup(settings: NumbersConfig['lookup']) {
  if (!settings) return undefined
  const { allowPrivateAddresses, concurrency: connections } = settings
  const guard = new AddressGuard({ allowPrivateAddresses })
  guard.target(settings.url.replaceAll('{number}', '0'), '/numbers/lookup/url')
  const json = new GuardedJson({ guard, version: VERSION, connections })
  return { json, asked: { settings, fetchJson: json.get } }
}

function senderRulesOf(
  config: NumbersConfig,
  tenantId: (name: string) => string | undefined,
): SenderRulesOptions {
  return {
    rules: config.senderRules.map((rule, index) => senderRule(rule, index, tenantId)),
    useShipped: config.shippedSenderRules,
    refuseUnregistered: config.unregisteredSenders === 'refuse',
    shortCodes: config.shortCodes,
  }
}

function senderRule(
  rule: SenderRuleConfig,
  index: number,
  tenantId: (name: string) => string | undefined,
): SenderRule {
  const { sender, tenants, senders, countries, trafficClasses, kinds, action, reason } = rule
  const parsed = sender === undefined ? undefined : parseSender(sender)
  if (parsed && !parsed.ok) {
    throw invalid(`numbers.sender_rules[${index}].sender: "${sender}": ${parsed.reason}`)
  }
  return {
    countries,
    tenants: tenants?.flatMap((name) => tenantId(name) ?? []),
    trafficClasses,
    kinds,
    senders: senders?.map((each) => each.replace(/^\+/, '')),
    action,
    replacement: parsed?.sender,
    reason,
  }
}

function checkNumbers(config: NumbersConfig): void {
  checkCountries(config)
  // Tenants do not matter for this: one of theirs may only come with the same configuration.
  senderRulesOf(config, () => undefined)
}

function checkCountries({ shortCodes, senderRules }: NumbersConfig): void {
  const known = new Set(knownCountries().map(({ country }) => country))
  const named = [
    ...shortCodes.map(({ country }, index) => [`short_codes[${index}].country`, country] as const),
    ...senderRules.flatMap(({ countries = [] }, index) =>
      countries.map((country) => [`sender_rules[${index}].countries`, country] as const),
    ),
  ]
  for (const [place, country] of named) {
    if (known.has(country)) continue
    throw invalid(`numbers.${place}: there is no country "${country}" with numbers (ISO 3166)`)
  }
}

function invalid(message: string): GatewayError {
  return new GatewayError('config_invalid', `The configuration has a mistake:\n  ${message}`)
}
