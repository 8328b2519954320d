import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Every file has databases and ports of its own; one fewer than the cores, the default, leaves half of a small machine idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // Those that run at once wait for carriers, one more or less is nothing.
    maxConcurrency: 500,
    coverage: { provider: 'v8', include: ['src/**'] },
  },
})
