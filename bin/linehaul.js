#!/usr/bin/env node
// The command line. In a checkout dist/ is brought up to date first, so that `npm start` and
// `npx linehaul` need no step before them.
import { build } from './build.js'

await build()
await import('../dist/cli.js')
