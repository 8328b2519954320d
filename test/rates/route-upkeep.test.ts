import { expect, it } from 'vitest'
import type { Config } from '../../src/config/schema.ts'
import { silentLogger } from '../../src/core/logger.ts'
import type { RouteSetup, Routes } from '../../src/messages/routes.ts'
import type { RateDecks } from '../../src/rates/rate-decks.ts'
import { type RouteSources, RouteUpkeep } from '../../src/route-upkeep.ts'

/** Routes that are ready when the test lets them be, and write down what they went by. */
function upkeepOf() {
  const taken: string[] = []
  const ready: (() => void)[] = []
  let tellRates = (_kind: string) => {}
  const routes = {
    nextChangeAtMs: Number.POSITIVE_INFINITY,
    prepare: async ({ rules = [] }: RouteSetup) => {
      await new Promise<void>((resolve) => ready.push(resolve))
      return () => taken.push(rules.map(({ name }) => name).join())
    },
  } as unknown as Routes
  const decks = {
    onChange(listener: (kind: string) => void) {
      tellRates = listener
      return () => {}
    },
  } as unknown as RateDecks
  const sourcesOf = ({ routing }: Pick<Config, 'routing'>) =>
    ({ routing, carriers: [], decks, access: {} }) as unknown as RouteSources
  const upkeep = new RouteUpkeep({
    routes,
    sources: sourcesOf(configOf('old')),
    sourcesOf: async (next) => sourcesOf(next),
    decks,
    logger: silentLogger,
  })
  return { upkeep, taken, ready, tellRates: () => tellRates('carrier') }
}

function configOf(name: string): Config {
  return { routing: { routes: [{ name, match: {} }], conversion: {} } } as unknown as Config
}

/** Lets what waits for nothing more go on. */
async function settle(ready: (() => void)[]): Promise<void> {
  // The sources come first.
  await new Promise((resolve) => setImmediate(resolve))
  for (const resolve of ready.splice(0)) resolve()
  await new Promise((resolve) => setImmediate(resolve))
}

it('goes by another configuration when that is committed, not before', async () => {
  const { upkeep, taken, ready } = upkeepOf()
  const preparing = upkeep.prepare(configOf('new'))
  await settle(ready)
  const commit = await preparing
  expect(taken).toEqual([])
  commit()
  expect(taken).toEqual(['new'])
  await upkeep.close()
})

it('makes routes again when rates have come between', async () => {
  const { upkeep, taken, ready, tellRates } = upkeepOf()
  const preparing = upkeep.prepare(configOf('new'))
  await settle(ready)
  const commit = await preparing
  tellRates()
  await settle(ready)
  expect(taken).toEqual(['old'])
  commit()
  await settle(ready)
  expect(taken).toEqual(['old', 'new', 'new'])
  await upkeep.close()
})

it('does not fall back to routes that were being made by the configuration before', async () => {
  const { upkeep, taken, ready, tellRates } = upkeepOf()
  const preparing = upkeep.prepare(configOf('new'))
  await settle(ready)
  tellRates()
  const commit = await preparing
  commit()
  await settle(ready)
  await settle(ready)
  expect(taken).toEqual(['new', 'new'])
  await upkeep.close()
})
