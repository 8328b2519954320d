import { randomBytes } from 'node:crypto'
import { createClient } from '@redis/client'

/** A prefix that no other test uses, and how to delete every key that begins with it. */
export function redisKeys(url: string): { prefix: string; remove: () => Promise<void> } {
  const prefix = `linehaul-test-${randomBytes(6).toString('hex')}`
  return {
    prefix,
    async remove() {
      const client = createClient({ url })
      await client.connect()
      for await (const keys of client.scanIterator({ MATCH: `${prefix}:*`, COUNT: 1_000 })) {
        if (keys.length > 0) await client.unlink(keys)
      }
      client.destroy()
    },
  }
}
