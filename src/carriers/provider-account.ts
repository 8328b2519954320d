import type { HttpCarrierConfig } from '../config/http-carriers.ts'
import type { ProviderAccount, ProviderTraits } from '../providers/provider.ts'
import { providerNamed } from '../providers/registry.ts'
import type { CallLimits } from './calls.ts'

/** An account of a carrier, and what holds for it. */
export interface OpenedAccount {
  readonly account: ProviderAccount
  readonly traits: ProviderTraits
  /** Of the provider, for people. */
  readonly title: string
}

/** The account that a carrier is set with. */
export function openAccount({
  provider: name,
  settings,
}: Pick<HttpCarrierConfig, 'provider' | 'settings'>): OpenedAccount {
  const provider = providerNamed(name)
  // The configuration has been checked; only code can get here.
  if (!provider) throw new RangeError(`there is no provider "${name}"`)
  const account = provider.open(settings)
  const { channel, takes, counts, countsSign, maxCharacters, maxOctets, givesReceipts } = provider
  const traits = {
    channel,
    takes,
    counts,
    countsSign,
    givesReceipts,
    ...(maxCharacters === undefined ? {} : { maxCharacters }),
    ...(maxOctets === undefined ? {} : { maxOctets }),
    ...account.traits,
  }
  return { account, traits, title: provider.title }
}

/** How messages of an account are gathered into calls. */
export function callLimits(
  { connections, batch }: Pick<HttpCarrierConfig, 'connections' | 'batch'>,
  { account: { maxBatch } }: OpenedAccount,
): CallLimits {
  const most = Math.min(maxBatch, batch.max ?? maxBatch)
  return { connections, waitMs: batch.waitMs, maxBatch: batch.waitMs === 0 ? 1 : most }
}
