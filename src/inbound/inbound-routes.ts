/** Who gets the messages of handsets that fit; what is null fits all. */
export interface InboundRoute {
  /** A number or short code of ours. */
  readonly to: string | null
  /** The first word of the text, in any case. */
  readonly keyword: string | null
  readonly carrier: string | null
  readonly tenantId: string
  /** The partner that gets it over SMPP; null: only the tenant's webhooks. */
  readonly partner: string | null
}

/** What a route is wanted for. */
export interface InboundQuestion {
  readonly carrier: string
  readonly to: string
  readonly text: string
}

/** Finds the tenant of a message that has come in. */
export class InboundRoutes {
  /** The one that says most first: the number, then the keyword, then the carrier. */
  #routes: readonly InboundRoute[]

  constructor(routes: readonly InboundRoute[]) {
    this.#routes = inOrder(routes)
  }

  /** Goes by other routes from now on. */
  replace(routes: readonly InboundRoute[]): void {
    this.#routes = inOrder(routes)
  }

  /** The route of a message; undefined where none fits. */
  find({ carrier, to, text }: InboundQuestion): InboundRoute | undefined {
    const address = normalAddress(to)
    const word = keywordOf(text)
    return this.#routes.find(
      (route) =>
        (route.to === null || route.to === address) &&
        (route.keyword === null || route.keyword === word) &&
        (route.carrier === null || route.carrier === carrier),
    )
  }
}

function inOrder(routes: readonly InboundRoute[]): InboundRoute[] {
  return routes
    .map((route) => ({
      ...route,
      to: route.to && normalAddress(route.to),
      keyword: route.keyword && normalWord(route.keyword),
    }))
    .sort((a, b) => weight(b) - weight(a))
}

/** The first word of a text in capitals, without signs around it; empty where there is none. */
export function keywordOf(text: string): string {
  const [word = ''] = text.trim().split(/\s+/u, 1)
  return normalWord(word)
}

function normalWord(word: string): string {
  return word
    .normalize('NFC')
    .replace(/^[\p{P}\p{S}]+|[\p{P}\p{S}]+$/gu, '')
    .toUpperCase()
}

/** Carriers write a number with and without `+` or `00`; a short code has neither. */
function normalAddress(address: string): string {
  return address.replace(/^(\+|00)/, '').toUpperCase()
}

function weight({ to, keyword, carrier }: InboundRoute): number {
  return Number(to !== null) * 4 + Number(keyword !== null) * 2 + Number(carrier !== null)
}
