#!/usr/bin/env -S node --max-semi-space-size=32
// The command line. In a checkout dist/ is brought up to date first, so that `npm start` and
// `npx linehaul` need no step before them.
// Messages live for a second or two: with room for them among the young objects the garbage collector
// takes half the time; twice as much room costs 100 MB and gains nothing more (docs/performance.md).
import { build } from './build.js'

await build()
await import('../dist/cli.js')
