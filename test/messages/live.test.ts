import { beforeEach, describe, expect, it } from 'vitest'
import { type LiveMessage, LiveMessages } from '../../src/messages/live.ts'
import { testMessage } from './builders.ts'

describe('a message leaves memory', () => {
  const message = testMessage()
  let live: LiveMessages
  let known: LiveMessage

  beforeEach(() => {
    live = new LiveMessages()
    known = live.adopt({ ...message, status: 'queued' }, [])
  })

  /** It ends while somebody works on it. */
  function end(): void {
    live.hold(known)
    known.message.status = 'expired'
    live.touch(known)
  }

  it('not before its end is in the tables, whenever it is let go', () => {
    end()
    const snapshot = live.takeSnapshot()
    live.letGo(known)
    expect(live.get(message.id)).toBe(known)
    live.release(snapshot, new Set())
    expect(live.get(message.id)).toBeUndefined()
  })

  it('as soon as it is let go, when its end is in the tables', () => {
    end()
    live.release(live.takeSnapshot(), new Set())
    expect(live.get(message.id)).toBe(known)
    live.letGo(known)
    expect(live.get(message.id)).toBeUndefined()
  })

  it('not while there is something newer than what is being written', () => {
    end()
    const snapshot = live.takeSnapshot()
    live.touch(known)
    live.letGo(known)
    live.release(snapshot, new Set())
    expect(live.get(message.id)).toBe(known)
    live.release(live.takeSnapshot(), new Set())
    expect(live.get(message.id)).toBeUndefined()
  })

  it('for want of room only when its row has all of it', () => {
    live = new LiveMessages({ maxKept: 0 })
    known = live.adopt({ ...message, status: 'sent' }, [])
    live.touch(known)
    const first = live.takeSnapshot()
    live.touch(known)
    live.release(first, new Set())
    expect(live.get(message.id)).toBe(known)
    live.release(live.takeSnapshot(), new Set())
    expect(live.get(message.id)).toBeUndefined()
  })
})

describe('a message is found', () => {
  const message = testMessage()
  const stored = (status: typeof message.status) => [
    { message: { ...message, status }, attempts: [] },
  ]

  async function statusFound(live: LiveMessages, load: Parameters<LiveMessages['find']>[1]) {
    return (await live.find([message.id], load)).map((found) => found.message.status)
  }

  it('in memory before the tables are asked, and in the tables', async () => {
    const live = new LiveMessages()
    expect(await statusFound(live, async () => [])).toEqual([])
    expect(await statusFound(live, async () => stored('sent'))).toEqual(['sent'])
    live.add({ ...message, status: 'sending' })
    expect(await statusFound(live, () => Promise.reject(new Error('asked')))).toEqual(['sending'])
  })

  it('in memory, where it has come while the tables were asked', async () => {
    const live = new LiveMessages()
    const load = async () => {
      live.add({ ...message, status: 'sending' })
      return stored('queued')
    }
    expect(await statusFound(live, load)).toEqual(['sending'])
  })

  it('in the tables once more, where it has come and left while they were asked', async () => {
    const live = new LiveMessages()
    const rows = [stored('queued'), stored('expired')]
    const load = async () => {
      const read = rows.shift() ?? []
      if (rows.length === 1) {
        const known = live.adopt({ ...message, status: 'queued' }, [])
        known.message.status = 'expired'
        live.touch(known)
        live.release(live.takeSnapshot(), new Set())
      }
      return read
    }
    expect(await statusFound(live, load)).toEqual(['expired'])
    expect(rows).toEqual([])
  })
})
