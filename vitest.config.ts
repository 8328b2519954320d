import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { SlowestFirst } from './test/support/slowest-first.ts'

/** Tests that count what a process holds, or that could take it with them: each file has one of its own. */
const ALONE = ['crash', 'fuzz', 'hostile'].map((folder) => `test/${folder}/**/*.test.ts`)

const common = {
  // Of computing a test takes a few seconds at most; who shares the machine may make ten times that of it.
  testTimeout: 60_000,
  hookTimeout: 60_000,
  pool: 'forks',
  // Those that run at once wait for carriers, one more or less is nothing.
  maxConcurrency: 500,
} as const

export default defineConfig({
  test: {
    // Of the whole run, so that it is done once.
    globalSetup: ['test/support/global-setup.ts'],
    // Every file has databases and ports of its own. One more than the cores: many wait for a carrier or a disk.
    maxWorkers: availableParallelism() + 1,
    sequence: { sequencer: SlowestFirst },
    coverage: { provider: 'v8', include: ['src/**'] },
    projects: [
      { test: { ...common, name: 'alone', include: ALONE } },
      // No module of ours keeps anything; loading all of them anew takes a file three seconds of computing.
      {
        test: {
          ...common,
          name: 'together',
          include: ['test/**/*.test.ts'],
          exclude: ALONE,
          isolate: false,
        },
      },
    ],
  },
})
