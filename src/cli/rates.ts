import { parseArgs } from 'node:util'
import {
  type DeckTarget,
  exportRateDeck,
  importRateDeck,
  listRateDecks,
  previewRateDeck,
  type RateCommand,
  rollBackRateDeck,
} from '../rate-commands.ts'
import { asOperator, JSON_OPTIONS } from './access.ts'
import { type Command, UsageError } from './command.ts'
import { write } from './terminal.ts'
import { readVersion } from './whole-numbers.ts'

const ACTIONS =
  'rates needs one of: list [DECK], preview DECK FILE, import DECK FILE, export DECK, rollback DECK N'

/** Shows and replaces rate decks. */
export const rates: Command = {
  usage: `\
  linehaul rates list [DECK]        the rate decks that count, or every version of one
  linehaul rates preview DECK FILE  what a deck in CSV would change, and every row that is wrong
  linehaul rates import DECK FILE [--note TEXT]
                                    let it count; with a mistake in any row, the old one stays
  linehaul rates export DECK [--version N] > FILE
  linehaul rates rollback DECK N [--note TEXT]
                                    let version N count again
                                    DECK: carrier NAME, or tenant NAME; with each: [--json], and an
                                    operator's key: [--key KEY] [--url URL]`,

  async run([action = '', ...args]) {
    if (!['list', 'preview', 'import', 'export', 'rollback'].includes(action)) {
      throw new UsageError(ACTIONS)
    }
    const options = {
      ...JSON_OPTIONS,
      note: { type: 'string' },
      version: { type: 'string' },
    } as const
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
    const command = { ...asOperator('rates', values), isJson: values.json ?? false }
    const [kind, owner, what, ...others] = positionals
    const act = actionOf(action, command, readDeck(kind, owner), what, values)
    if (!act || others.length > 0) throw new UsageError(ACTIONS)
    return act()
  },
}

function actionOf(
  action: string,
  command: RateCommand,
  target: DeckTarget | undefined,
  what: string | undefined,
  { note, version }: { readonly note?: string | undefined; readonly version?: string | undefined },
): (() => Promise<boolean>) | undefined {
  if (action === 'list' && what === undefined) return () => listRateDecks(command, target)
  if (!target) return undefined
  if (action === 'export' && what === undefined) {
    const wanted = version === undefined ? undefined : readVersion(version)
    return () => exportRateDeck({ ...command, write }, target, wanted)
  }
  if (what === undefined) return undefined
  if (action === 'preview') return () => previewRateDeck(command, target, what)
  if (action === 'import') return () => importRateDeck(command, target, what, note)
  if (action !== 'rollback') return undefined
  const earlier = readVersion(what)
  return () => rollBackRateDeck(command, target, earlier, note)
}

function readDeck(kind: string | undefined, owner: string | undefined): DeckTarget | undefined {
  if (kind === undefined) return undefined
  if ((kind === 'carrier' || kind === 'tenant') && owner !== undefined) return { kind, owner }
  throw new UsageError(`"${kind}" is no DECK: write carrier NAME or tenant NAME`)
}
