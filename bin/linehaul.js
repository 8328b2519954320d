#!/usr/bin/env -S node --max-semi-space-size=64
// The command line. Messages live for a second or two: with room for them among the young objects the
// garbage collector takes half the time (docs/performance.md). In a checkout dist/ is brought up to date first, so that `npm start` and
// `npx linehaul` need no step before them.
import { build } from './build.js'

await build()
await import('../dist/cli.js')
