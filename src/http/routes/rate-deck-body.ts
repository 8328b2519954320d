import type { z } from '@hono/zod-openapi'
import { formatMicros } from '../../core/money.ts'
import type { DeckPreview, DeckVersion } from '../../rates/rate-decks.ts'
import type { PriceChange, PriceChanges } from '../../routing/change-list.ts'
import type { DeckReading } from '../../routing/deck-csv.ts'
import type { DeckRate } from '../../routing/rate-deck.ts'
import type * as schema from './rate-deck-schema.ts'

/** One version of a deck. */
export function versionBody(deck: DeckVersion) {
  return {
    kind: deck.kind,
    owner: deck.owner,
    version: deck.version,
    rows: deck.rows,
    imported_at: deck.importedAt?.toISOString() ?? null,
    note: deck.note,
    is_current: deck.isCurrent,
  }
}

/** What was read of a deck. */
export function readingBody({
  rows,
  mistakes,
  mistakeCount,
  ignoredColumns,
}: Omit<DeckReading, 'deck'>) {
  return {
    rows,
    mistake_count: mistakeCount,
    mistakes: [...mistakes],
    ignored_columns: [...ignoredColumns],
  }
}

/** What an import would change. */
export function previewBody(preview: DeckPreview): z.input<typeof schema.preview> {
  const { diff } = preview
  return {
    ...readingBody(preview),
    compared_with: preview.comparedWith,
    old_rates: diff.oldRates,
    new_rates: diff.newRates,
    unchanged: diff.unchanged,
    added: { count: diff.added.count, listed: diff.added.listed.map(rateBody) },
    removed: { count: diff.removed.count, listed: diff.removed.listed.map(rateBody) },
    raised: priceChangesBody(diff.raised),
    lowered: priceChangesBody(diff.lowered),
    currency_changed: {
      count: diff.currencyChanged.count,
      listed: diff.currencyChanged.listed.map(changeBody),
    },
  }
}

function priceChangesBody({ count, listed, averagePercent }: PriceChanges) {
  return { count, listed: listed.map(changeBody), average_percent: rounded(averagePercent) }
}

function rateBody(rate: DeckRate) {
  return { ...destinationBody(rate), price: moneyBody(rate) }
}

function changeBody(change: PriceChange) {
  return {
    ...destinationBody(change),
    from: moneyBody(change.from),
    to: moneyBody(change.to),
    percent: rounded(change.percent),
  }
}

function destinationBody({
  prefix,
  network,
  effectiveFromMs,
}: Omit<DeckRate, 'priceMicros' | 'currency'>) {
  return {
    prefix,
    network,
    effective_from: effectiveFromMs === 0 ? null : new Date(effectiveFromMs).toISOString(),
  }
}

function moneyBody({ priceMicros, currency }: Pick<DeckRate, 'priceMicros' | 'currency'>) {
  return { amount: formatMicros(priceMicros), currency }
}

function rounded(percent: number | null): number | null {
  return percent === null ? null : Math.round(percent * 100) / 100
}
