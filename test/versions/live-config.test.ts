import { describe, expect, it } from 'vitest'
import type { Config } from '../../src/config/schema.ts'
import { LiveConfig } from '../../src/live-config.ts'
import type { LivePart } from '../../src/live-part.ts'

/** Only the sections that matter here. */
function config(sections: object): Config {
  return { file: undefined, sandbox: false, ...sections } as unknown as Config
}

const BEFORE = config({ routing: 'a', policies: 'a', alerts: 'a', http: 'a' })

/** A part that writes down what it does. */
function part(section: keyof Config, log: string[], prepare = async () => {}): LivePart {
  return {
    sections: [section],
    async prepare(next) {
      log.push(`${section} prepares`)
      await prepare()
      return () => log.push(`${section} is ${next[section]}`)
    },
  }
}

function liveWith(log: string[], ...others: readonly LivePart[]): LiveConfig {
  const live = new LiveConfig(BEFORE)
  live.add([part('routing', log), part('policies', log), ...others])
  return live
}

describe('a change', () => {
  it('reaches only parts whose sections are others, all of them in one turn', async () => {
    const log: string[] = []
    const live = liveWith(log, part('alerts', log))
    const next = config({ routing: 'b', policies: 'a', alerts: 'b', http: 'b' })
    const ready = await live.prepare(next)
    expect(ready).toMatchObject({ applied: ['routing', 'alerts'], waiting: ['http'] })
    expect(log).toEqual(['routing prepares', 'alerts prepares'])
    expect(live.running).toEqual(BEFORE)
    ready.commit()
    expect(log.slice(2)).toEqual(['routing is b', 'alerts is b'])
    expect(live.running).toEqual({ ...next, http: 'a' })
  })

  it('that one part cannot go by changes nothing in any of them', async () => {
    const log: string[] = []
    const refused = async () => {
      throw new Error('there is no such address')
    }
    const live = liveWith(log, part('alerts', log, refused))
    const next = config({ routing: 'b', policies: 'b', alerts: 'b', http: 'a' })
    await expect(live.prepare(next)).rejects.toThrow('there is no such address')
    expect(log).toEqual(['routing prepares', 'policies prepares', 'alerts prepares'])
    expect(live.running).toEqual(BEFORE)
  })

  it('is given up only when no part works on it any more', async () => {
    const log: string[] = []
    const slow = async () => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      log.push('policies are ready')
    }
    const live = new LiveConfig(BEFORE)
    const refused = async () => {
      throw new Error('no')
    }
    live.add([part('routing', log, refused), part('policies', log, slow)])
    const next = config({ routing: 'b', policies: 'b', alerts: 'a', http: 'a' })
    await expect(live.prepare(next)).rejects.toThrow('no')
    expect(log).toContain('policies are ready')
  })

  it('of where the file is concerns nobody', async () => {
    const ready = await liveWith([]).prepare({ ...BEFORE, file: '/etc/linehaul.yaml' })
    expect(ready).toMatchObject({ applied: [], waiting: [] })
  })
})
