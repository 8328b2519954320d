/**
 * Preloaded into a gateway (`--import`): at SIGUSR2 it collects garbage and adds a line with what is
 * left, heap and resident memory in octets, to the file that LINEHAUL_BENCH_HEAP_FILE names. The
 * gateway itself offers no such thing.
 */
import { appendFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose_gc')
const collect = runInNewContext('gc')

process.on('SIGUSR2', () => {
  collect()
  // Finalizers run between the two and free what only they held.
  setImmediate(() => {
    collect()
    const { heapUsed, external, rss } = process.memoryUsage()
    appendFileSync(process.env.LINEHAUL_BENCH_HEAP_FILE, `${heapUsed + external} ${rss}\n`)
  })
})
