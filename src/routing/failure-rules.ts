import type { AttemptRange, FailureFacts, FailureRule, FailureScene } from '../core/failure-rule.ts'

/** The rule that acts where no other does: the policy of the message's traffic class. */
export const DEFAULT_RULES: readonly FailureRule[] = (
  ['send_failure', 'callback_failure'] as const
).map((scene) => ({
  name: 'default',
  priority: Number.POSITIVE_INFINITY,
  scene,
  match: {},
  action: { kind: 'policy' },
}))

/** True for a rule that nobody has written. */
export function isDefaultRule(rule: FailureRule): boolean {
  return DEFAULT_RULES.includes(rule)
}

/**
 * The failure rules in force.
 *
 * They are compiled once. A failure is held only against the rules of its scene that name one of its
 * codes, and those that name none, in the order of their priority.
 */
export class FailureRules {
  #byScene: ReadonlyMap<FailureScene, Scene>

  constructor(rules: readonly FailureRule[] = []) {
    this.#byScene = compile(rules)
  }

  /** Puts other rules in force, all at once. */
  replace(rules: readonly FailureRule[]): void {
    this.#byScene = compile(rules)
  }

  /** True when there are rules of a scene besides the default. */
  has(scene: FailureScene): boolean {
    return this.#byScene.get(scene)?.hasOwn ?? false
  }

  /** The rules that fit, first the one that is to act first; the last is the default. */
  *matching(facts: FailureFacts): Generator<FailureRule, void, void> {
    const scene = this.#byScene.get(facts.scene)
    if (!scene) return
    const { byCode, any } = scene
    const ofCode = byCode.get(facts.code) ?? NONE
    const ofRaw = facts.rawCode === null ? NONE : (byCode.get(codeKey(facts.rawCode)) ?? NONE)
    let text: string | undefined
    let [atCode, atRaw, atAny] = [0, 0, 0]
    for (;;) {
      const first = least(ofCode[atCode], ofRaw[atRaw], any[atAny])
      if (!first) return
      // A rule may name both codes.
      if (first === ofCode[atCode]) atCode++
      if (first === ofRaw[atRaw]) atRaw++
      if (first === any[atAny]) atAny++
      if (!fits(first, facts)) continue
      if (first.keywords) {
        text ??= facts.text.toLowerCase()
        if (!hasKeyword(first.keywords, text)) continue
      }
      yield first.rule
    }
  }
}

/**
 * One spelling for each code: a `command_status` as eight lower-case digits of hex after `0x`, all
 * else as it is.
 */
export function codeKey(code: string): string {
  const hex = /^0x([0-9a-f]{1,8})$/i.exec(code)?.[1]
  return hex === undefined ? code : `0x${hex.toLowerCase().padStart(8, '0')}`
}

interface Scene {
  readonly byCode: ReadonlyMap<string, readonly Compiled[]>
  /** Rules that name no code. */
  readonly any: readonly Compiled[]
  readonly hasOwn: boolean
}

interface SceneInTheMaking extends Scene {
  readonly byCode: Map<string, Compiled[]>
  readonly any: Compiled[]
  hasOwn: boolean
}

interface Compiled {
  readonly rule: FailureRule
  /** Its place among all. */
  readonly rank: number
  readonly carriers: ReadonlySet<string> | undefined
  readonly channels: ReadonlySet<string> | undefined
  readonly tenants: ReadonlySet<string> | undefined
  readonly trafficClasses: ReadonlySet<string> | undefined
  readonly countries: ReadonlySet<string> | undefined
  readonly attempts: readonly AttemptRange[] | undefined
  /** In lower case. */
  readonly keywords: readonly string[] | undefined
}

const NONE: readonly Compiled[] = []

function compile(rules: readonly FailureRule[]): Map<FailureScene, Scene> {
  const scenes = new Map<FailureScene, SceneInTheMaking>()
  // The sort keeps the order of equals.
  const ordered = [...rules].sort((a, b) => a.priority - b.priority)
  for (const [rank, rule] of [...ordered, ...DEFAULT_RULES].entries()) {
    const scene: SceneInTheMaking = scenes.get(rule.scene) ?? {
      byCode: new Map(),
      any: [],
      hasOwn: false,
    }
    scenes.set(rule.scene, scene)
    scene.hasOwn ||= !isDefaultRule(rule)
    const compiled = compiledRule(rule, rank)
    const { codes } = rule.match
    if (codes === undefined) {
      scene.any.push(compiled)
      continue
    }
    for (const code of new Set(codes.map(codeKey))) {
      const known = scene.byCode.get(code)
      if (known) known.push(compiled)
      else scene.byCode.set(code, [compiled])
    }
  }
  return scenes
}

function compiledRule(rule: FailureRule, rank: number): Compiled {
  const { match } = rule
  return {
    rule,
    rank,
    carriers: setOf(match.carriers),
    channels: setOf(match.channels),
    tenants: setOf(match.tenants),
    trafficClasses: setOf(match.trafficClasses),
    countries: setOf(match.countries),
    attempts: match.attempts,
    keywords: match.keywords?.map((keyword) => keyword.toLowerCase()),
  }
}

function setOf(names: readonly string[] | undefined): ReadonlySet<string> | undefined {
  return names && new Set(names)
}

function least(
  a: Compiled | undefined,
  b: Compiled | undefined,
  c: Compiled | undefined,
): Compiled | undefined {
  const first = a === undefined || (b !== undefined && b.rank < a.rank) ? b : a
  return first === undefined || (c !== undefined && c.rank < first.rank) ? c : first
}

/** Holds a failure against all that needs no text. */
function fits(
  { carriers, channels, tenants, trafficClasses, countries, attempts }: Compiled,
  facts: FailureFacts,
): boolean {
  return (
    (carriers === undefined || carriers.has(facts.carrier)) &&
    (tenants === undefined || tenants.has(facts.tenantId)) &&
    (trafficClasses === undefined || trafficClasses.has(facts.trafficClass)) &&
    (countries === undefined || countries.has(facts.country)) &&
    (channels === undefined || channels.has(facts.channel)) &&
    (attempts === undefined || isWithin(attempts, facts.attempt))
  )
}

function isWithin(ranges: readonly AttemptRange[], attempt: number): boolean {
  return ranges.some(({ from, to }) => attempt >= from && attempt <= to)
}

function hasKeyword(keywords: readonly string[], text: string): boolean {
  return keywords.some((keyword) => text.includes(keyword))
}
