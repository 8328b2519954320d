import type { Config } from './config/schema.ts'

/** What is made of a configuration, once however many parts ask for it while they prepare for it. */
export class PerConfig<Value> {
  readonly #make: (config: Config) => Promise<Value>
  #latest: { readonly config: Config; readonly value: Promise<Value> } | undefined

  constructor(make: (config: Config) => Promise<Value>) {
    this.#make = make
  }

  of(config: Config): Promise<Value> {
    if (this.#latest?.config === config) return this.#latest.value
    const value = this.#make(config)
    const latest = { config, value }
    this.#latest = latest
    value.catch(() => {
      if (this.#latest === latest) this.forget()
    })
    return value
  }

  /** What it was made from has changed: call it when a configuration is taken over. */
  forget(): void {
    this.#latest = undefined
  }
}
