import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** Tests of plain functions and objects: they leave nothing behind that another file would meet. */
const PLAIN = [
  'accounts',
  'billing',
  'carriers',
  'config',
  'core',
  'encoding',
  'routing',
  'smpp',
].map((folder) => `test/${folder}/**/*.test.ts`)

const common = {
  testTimeout: 30_000,
  hookTimeout: 60_000,
  pool: 'forks',
  // Those that run at once wait for carriers, one more or less is nothing.
  maxConcurrency: 500,
} as const

export default defineConfig({
  test: {
    // Of the whole run, so that it is done once.
    globalSetup: ['test/support/global-setup.ts'],
    // Every file has databases and ports of its own; one fewer than the cores, the default, leaves half of a small machine idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    coverage: { provider: 'v8', include: ['src/**'] },
    projects: [
      // Loading the modules anew for every file takes as long as these tests themselves.
      { test: { ...common, name: 'plain', include: PLAIN, isolate: false } },
      { test: { ...common, name: 'whole', include: ['test/**/*.test.ts'], exclude: PLAIN } },
    ],
  },
})
