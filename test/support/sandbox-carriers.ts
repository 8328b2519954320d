import { expect, vi } from 'vitest'
import type { FaultRule, FaultScript } from '../../src/sandbox/faults.ts'
import { SandboxSmsc } from '../../src/sandbox/smsc.ts'
import type { ApiClient } from './api-client.ts'
import { type CarrierKeys, yamlFor } from './gateway.ts'

/** The sandbox's carriers of a file of tests, by name; each begins without faults. */
export class SandboxCarriers {
  readonly #smscs = new Map<string, SandboxSmsc>()
  readonly #ports = new Map<string, number>()
  readonly #carriers: readonly Omit<CarrierKeys, 'port'>[]

  private constructor(carriers: readonly Omit<CarrierKeys, 'port'>[]) {
    this.#carriers = carriers
  }

  static async start(carriers: readonly Omit<CarrierKeys, 'port'>[]): Promise<SandboxCarriers> {
    const all = new SandboxCarriers(carriers)
    for (const { name } of carriers) {
      const smsc = new SandboxSmsc({
        name,
        systemId: 'linehaul',
        password: 'secret',
        receiptDelayMs: [5, 10],
        keepSubmits: 100,
      })
      all.#smscs.set(name, smsc)
      all.#ports.set(name, (await smsc.start()).port)
    }
    return all
  }

  /** What a configuration file says to bind to them, beside what every test has there. */
  get settings(): Record<string, unknown> {
    return JSON.parse(
      yamlFor(
        ...this.#carriers.map((keys) => ({ ...keys, port: this.#ports.get(keys.name) ?? 0 })),
      ),
    )
  }

  of(name: string): SandboxSmsc {
    const smsc = this.#smscs.get(name)
    if (!smsc) throw new Error(`there is no carrier ${name}`)
    return smsc
  }

  /** How many submits each of these has received. */
  submitsTo(...names: readonly string[]): number[] {
    return names.map((name) => this.of(name).trueCounts.submits)
  }

  /** Replaces the faults of these; what is in common counts over all of them. */
  setFaults(
    names: readonly string[],
    rules: readonly FaultRule[],
    common?: FaultScript | undefined,
  ): void {
    for (const name of names) this.of(name).setFaults(rules, common)
  }

  /** Resolves when the gateway is bound to all of them. */
  async untilUp(api: ApiClient): Promise<void> {
    await vi.waitFor(
      async () => {
        const { body } = await api.get('/readyz')
        const up = (body.carriers as { is_up: boolean }[]).filter(({ is_up }) => is_up)
        expect(up).toHaveLength(this.#smscs.size)
      },
      { timeout: 60_000, interval: 100 },
    )
  }

  async close(): Promise<void> {
    await Promise.all([...this.#smscs.values()].map((smsc) => smsc.close()))
  }
}
